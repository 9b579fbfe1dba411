import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { alembicMigration } from '../../../src/plan/script/alembic.ts';
import { planDocument } from '../../../src/plan/script/document.ts';
import { pythonString } from '../../../src/plan/script/python.ts';
import { rollbackScript, sqlScript } from '../../../src/plan/script/sql-script.ts';
import { isMissing } from '../../support/tools.ts';
import { aPlan, emptyPlan } from './samples.ts';

describe('the script', () => {
  it('is what a person reads', async () => {
    await expect(sqlScript(aPlan)).toMatchFileSnapshot('../../golden/plan/plan.sql');
    await expect(rollbackScript(aPlan)).toMatchFileSnapshot('../../golden/plan/rollback.sql');
    await expect(sqlScript(emptyPlan)).toMatchFileSnapshot('../../golden/plan/nothing.sql');
  });

  it('ends every comment where it began: a line break in a name stays inside of quotes or comments', () => {
    expect(sqlScript(aPlan)).toMatch(/^-- again"/m);
    expect(sqlScript(aPlan)).not.toMatch(/^again/m);
  });

  it('holds no command of psql and nothing that opens a transaction', () => {
    for (const script of [sqlScript(aPlan), rollbackScript(aPlan)]) {
      expect(script).not.toMatch(/^\\/m);
      expect(script).not.toMatch(/^(?:BEGIN|COMMIT|START)\b/m);
    }
  });

  it('prints nothing that cannot be undone or that needs a trick', () => {
    expect(sqlScript(aPlan)).not.toMatch(/CASCADE|UPDATE pg_|allow_system_table_mods/i);
  });

  it('gives the rollback of its last lines by the command that stands above them', () => {
    const script = sqlScript(aPlan);
    const command = /^-- {3}sed '(.*)' FILE$/m.exec(script)?.[1] ?? '';
    const sed = spawnSync('sed', [command], { input: script, encoding: 'utf8' });
    const withoutHead = rollbackScript(aPlan).replace(/^(?:--.*\n)+\n/, '');
    expect(sed.stdout.trim()).toBe(withoutHead.trim());
  });
});

describe('data', () => {
  it('hold all that the script says', async () => {
    const text = `${JSON.stringify(planDocument(aPlan), null, 2)}\n`;
    await expect(text).toMatchFileSnapshot('../../golden/plan/plan.json');
    expect(planDocument(emptyPlan).steps).toEqual([]);
  });
});

describe('the migration', () => {
  it('is what a person reads', async () => {
    const migration = alembicMigration(aPlan, { downRevision: '4ae1c09d2b77' });
    await expect(migration).toMatchFileSnapshot('../../golden/plan/migration.py');
    expect(alembicMigration(aPlan, { downRevision: undefined })).toMatch(
      /^down_revision = None {2}# Set it/m,
    );
  });

  it.skipIf(isMissing('python3', 'apt-get install python3'))('is Python, an empty one too', () => {
    for (const plan of [aPlan, emptyPlan]) {
      const source = alembicMigration(plan, { downRevision: undefined });
      const compiled = spawnSync('python3', ['-c', 'import sys; compile(sys.stdin.read(), "m", "exec")'], {
        input: source,
        encoding: 'utf8',
      });
      expect(compiled).toMatchObject({ status: 0, stderr: '' });
    }
  });

  it.skipIf(isMissing('python3', 'apt-get install python3'))(
    'writes texts so that Python reads the same',
    () => {
      const texts = [
        'plain',
        'a "quoted" \\ one',
        'two\nlines "',
        '"""\n"""',
        'cr\r\nlf \u202e \u{1f600} \u{e0001}',
        "it's\n",
      ];
      const source = `import json; print(json.dumps([${texts.map(pythonString).join(', ')}]))`;
      const printed = spawnSync('python3', ['-X', 'utf8', '-c', source], { encoding: 'utf8' });
      expect(JSON.parse(printed.stdout)).toEqual(texts);
    },
  );
});
