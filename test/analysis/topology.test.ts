import { describe, expect, it } from 'vitest';
import { unknownReplicas } from '../../src/analysis/topology.ts';
import type { ReplicaFact } from '../../src/collectors/server.ts';

const replica = (applicationName: string, clientAddress = '10.0.0.1'): ReplicaFact => ({
  backendPid: 1,
  applicationName,
  clientAddress,
  state: 'streaming',
  syncState: 'async',
  replayLagSeconds: null,
});
const standby = (standbyName: string | null, serverAddress: string | null = '10.0.0.1') => ({
  standbyName,
  serverAddress,
});

describe('replicas that nobody configured', () => {
  it('are those that no standby is called like', () => {
    expect(unknownReplicas([replica('a'), replica('b')], [standby('a')])).toEqual(['b@10.0.0.1']);
    expect(unknownReplicas([replica('a')], [standby('a')])).toEqual([]);
    expect(unknownReplicas([], [standby('a')])).toEqual([]);
  });

  it('are told by their address where several are called alike', () => {
    const two = [replica('walreceiver', '10.0.0.1'), replica('walreceiver', '10.0.0.2')];
    expect(unknownReplicas(two, [standby('walreceiver', '10.0.0.2')])).toEqual(['walreceiver@10.0.0.1']);
    const both = [standby('walreceiver', '10.0.0.2'), standby('walreceiver', '10.0.0.1')];
    expect(unknownReplicas(two, both)).toEqual([]);
  });

  it('are not hidden by a cascading standby of the same name at another address', () => {
    const two = [replica('walreceiver', '10.0.0.1'), replica('walreceiver', '10.0.0.2')];
    expect(unknownReplicas(two, [standby('walreceiver', '10.0.0.9')])).toHaveLength(2);
  });

  it('are not hidden by a standby that does not stream, nor by one whose name may not be seen', () => {
    expect(unknownReplicas([replica('')], [standby(null)])).toEqual(['10.0.0.1']);
  });

  it('have a name even where nothing is shown of them', () => {
    expect(unknownReplicas([replica('', '')], [])).toEqual(['an unnamed replica']);
  });
});
