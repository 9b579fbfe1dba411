import { describe, expect, it, test } from 'vitest';
import { secretsOf } from '../../src/config/config.ts';
import { effectiveConfigYaml } from '../../src/config/effective.ts';
import { lifeRules } from '../../src/config/life-rules.ts';
import { muteRules } from '../../src/config/mutes.ts';
import { formatConfigError } from '../../src/config/problems.ts';
import { usualLifeRules } from '../../src/findings/ledger.ts';
import { dayMs } from '../../src/model/units.ts';
import { aFinding } from '../support/builders.ts';
import { loaded, oneServer, refused } from './support.ts';

const withYaml = (yaml: string, files: Readonly<Record<string, string>> = {}) => ({
  yaml: `${oneServer}${yaml}`,
  files,
});
const problemsOf = (yaml: string, files?: Readonly<Record<string, string>>): string =>
  formatConfigError(refused(withYaml(yaml, files)));

describe('findings', () => {
  it('live by the same presets where nothing is configured and where nobody configures', () => {
    expect(lifeRules(loaded(withYaml('')).config.findings)).toEqual(usualLifeRules);
  });

  it('live as configured', () => {
    const { config } = loaded(withYaml('findings: {resolvedFor: 90d, resolvedMax: 5, baselineGrowthMin: 0}'));
    expect(lifeRules(config.findings)).toMatchObject({
      resolvedForMs: 90 * dayMs,
      resolvedMax: 5,
      baselineGrowthMinBytes: 0,
    });
  });
});

describe('mutes', () => {
  const rulesOf = (yaml: string) => muteRules(loaded(withYaml(`mutes:\n  - ${yaml}`)).config.mutes);
  const matches = (yaml: string, finding = aFinding()): boolean | undefined =>
    rulesOf(`{reason: x, ${yaml}}`)[0]?.matches(finding);

  test.each([
    ['kind: duplicate-index', true],
    ['kind: unused-index', false],
    ['server: ma*', true],
    ['server: other', false],
    ['database: "{shop,audit}"', true],
    ['database: shop2', false],
    ['schema: public', true],
    ['schema: private', false],
    ['table: ORDERS', false],
    ['table: order?', true],
    ['index: orders_*', true],
    ['index: customers_*', false],
    ['findingId: 00112233445566aa', true],
    ['findingId: ffffffffffffffff', false],
    ['kind: duplicate-index, table: orders, index: orders_a_idx1', true],
    ['kind: duplicate-index, table: customers, index: orders_a_idx1', false],
    ['server: "*"', true],
  ])('by %s', (yaml, isMuted) => {
    expect(matches(yaml)).toBe(isMuted);
  });

  it('by index fit no finding about a table', () => {
    const finding = aFinding({ kind: 'missing-primary-key', indexrelname: null });
    expect([matches('index: "*"', finding), matches('table: orders', finding)]).toEqual([false, true]);
  });

  it('have a reason, an author if anybody says so, and an end if there is one', () => {
    expect(rulesOf('{kind: unused-index, reason: soaking, author: ann, until: 2027-06-30}')).toMatchObject([
      { reason: 'soaking', author: 'ann', until: '2027-06-30' },
    ]);
    expect(rulesOf('{kind: unused-index, reason: soaking}')).toMatchObject([{ author: null, until: null }]);
  });

  test.each([
    ['{kind: unused-index}', 'mutes[0].reason (line 6): is missing'],
    ['{reason: x}', 'mutes[0] (line 6): names nothing to mute'],
    ['{reason: x, kind: unused}', 'mutes[0].kind (line 6): is not one of the permitted words'],
    ['{reason: x, table: "!a"}', 'begins with !'],
    ['{reason: x, table: a, until: 2027-02-30}', 'is not a day like 2027-06-30'],
    ['{reason: x, table: a, until: tomorrow}', 'is not a day like 2027-06-30'],
    ['{reason: x, findingId: orders}', 'is not the id of a finding'],
    ['{reason: x, tabel: a}', 'is not a known key'],
  ])('that are wrong: %s', (yaml, problem) => {
    expect(problemsOf(`mutes:\n  - ${yaml}`)).toContain(problem);
  });
});

describe('webhooks', () => {
  const slack = 'https://hooks.slack.example/services/T000/B000/p4th-of-slack';
  const files = { '/etc/iw/hook': `${slack}\n`, '/etc/iw/key': 'signing-s3cret\n' };
  const hooks = (...entries: readonly string[]): string =>
    `notifications:\n  webhooks:\n${entries.map((entry) => `    - ${entry}\n`).join('')}`;

  it('take address and key from files', () => {
    const { config, warnings } = loaded(
      withYaml(hooks('{name: dba, url_file: hook, secret_file: /etc/iw/key, format: slack}'), files),
    );
    expect(warnings).toEqual([]);
    const [webhook] = config.webhooks;
    expect(webhook).toMatchObject({ name: 'dba', format: 'slack', minSeverity: 'warning' });
    expect([webhook?.url.reveal(), webhook?.signingKey?.reveal()]).toEqual([slack, 'signing-s3cret']);
    expect(webhook?.events).toContain('finding-opened');
  });

  it('show neither address nor key', () => {
    const { config } = loaded(withYaml(hooks(`{name: dba, url: "${slack}", secret_file: key}`), files));
    expect(secretsOf(config)).toEqual(expect.arrayContaining([slack, 'signing-s3cret']));
    for (const text of [effectiveConfigYaml(config), JSON.stringify(config.webhooks)]) {
      expect(text).not.toMatch(/p4th-of-slack|signing-s3cret/);
      expect(text).toContain('dba');
    }
  });

  it('warn where everybody on the way could read along', () => {
    expect(loaded(withYaml(hooks('{name: a, url: "http://hooks.example/x"}'))).warnings).toEqual([
      'notifications.webhooks[0].url: is not https, so that everybody on the way reads what is sent',
    ]);
    expect(loaded(withYaml(hooks('{name: a, url: "http://127.0.0.1:9/x"}'))).warnings).toEqual([]);
  });

  test.each([
    ['{name: a}', 'webhooks[0].url (line 7): is missing'],
    ['{name: a, url: "https://a.example", url_file: hook}', 'stands beside url'],
    ['{name: a, url_file: nowhere}', 'the file does not exist'],
    ['{name: a, url_file: empty}', 'the file is empty'],
    ['{name: a, url: "https://a.example", secret_file: nowhere}', 'the file does not exist'],
    ['{name: a, url: "ftp://a.example/p4th-of-slack"}', 'is neither http nor https'],
    ['{name: a, url: "htps//a.example/p4th-of-slack"}', 'is not a web address'],
    ['{name: a, url: 5}', 'is not text'],
    ['{name: a, url: "https://u:p4th-of-slack@a.example/"}', 'holds a user or a password'],
    ['{name: a, url: "https://a.example", events: [birthday]}', 'is not one of the permitted words'],
  ])('that are wrong, without their secrets: %s', (entry, problem) => {
    const text = problemsOf(hooks(entry), { ...files, '/etc/iw/empty': ' \n' });
    expect(text).toContain(problem);
    expect(text).not.toContain('p4th-of-slack');
  });

  it('have names of their own', () => {
    const entry = '{name: a, url: "https://a.example"}';
    expect(problemsOf(hooks(entry, entry))).toContain('another webhook has this name already');
  });
});

describe('the administrator’s token', () => {
  const yaml = 'http: {adminTokenFile: token}';
  const token = 'a-token-of-32-characters-or-more';

  it('is read from its file and shown nowhere', () => {
    const { config } = loaded(withYaml(yaml, { '/etc/iw/token': `${token}\n` }));
    expect(config.adminToken?.reveal()).toBe(token);
    expect(secretsOf(config)).toContain(token);
    expect(effectiveConfigYaml(config)).not.toContain(token);
    expect(loaded(withYaml('')).config.adminToken).toBeUndefined();
  });

  test.each([
    ['that does not exist', {}, 'the file does not exist'],
    ['that is empty', { '/etc/iw/token': '\n' }, 'the file is empty'],
    ['with a token that is guessed', { '/etc/iw/token': 'hunter2' }, 'shorter than 16 characters'],
    ['with two words', { '/etc/iw/token': `${token} ${token}` }, 'has blanks in it'],
  ])('is refused from a file %s', (_, files, problem) => {
    const text = problemsOf(yaml, files);
    expect(text).toContain(problem);
    expect(text).toContain('http.adminTokenFile');
    expect(text).not.toMatch(/hunter2|a-token-of/);
  });
});
