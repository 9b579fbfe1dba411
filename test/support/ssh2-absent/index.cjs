'use strict';

/** Docker over ssh is not supported by this project's tests: use a local socket or a TCP DOCKER_HOST. */
class Client {
  constructor() {
    throw new Error('ssh docker hosts are not supported here: set DOCKER_HOST to a socket or a TCP address');
  }
}

module.exports = { Client };
