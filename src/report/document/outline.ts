import { isBroken, isElsewhere } from './families.ts';
import type { DatabaseInput, ReportInput, Section } from './section.ts';
import { actions } from './sections/actions.ts';
import { bloat } from './sections/bloat.ts';
import { caveats } from './sections/caveats.ts';
import { changes } from './sections/changes.ts';
import { checking } from './sections/checking.ts';
import { due } from './sections/due.ts';
import { duplicates } from './sections/duplicates.ts';
import { foreignKeys } from './sections/foreign-keys.ts';
import { findingsSection } from './sections/found.ts';
import { indexes } from './sections/indexes.ts';
import { missing } from './sections/missing.ts';
import { settings } from './sections/settings.ts';
import { summary } from './sections/summary.ts';
import { tables } from './sections/tables.ts';
import { unseen } from './sections/unseen.ts';
import { unused } from './sections/unused.ts';

const broken = findingsSection({
  id: 'broken',
  title: 'Broken indexes',
  what: 'invalid indexes, and none whose collation has changed',
  about:
    'These do not do what they are there for: the planner passes them over, or rows may be missing from their answers.',
  isWanted: isBroken,
});

const elsewhere = findingsSection({
  id: 'others',
  title: 'Also found',
  what: 'other findings',
  about: 'Worth knowing when indexes are designed anew; nothing here is a reason to drop one.',
  isWanted: isElsewhere,
});

/** The report's order, and the one list of its sections. Those of a database come once for each. */
export const front: readonly Section<ReportInput>[] = [actions, summary];
export const ofDatabase: readonly Section<DatabaseInput>[] = [
  tables,
  indexes,
  broken,
  duplicates,
  unused,
  bloat,
  missing,
  foreignKeys,
  elsewhere,
  due,
  settings,
  changes,
  caveats,
];
export const back: readonly Section<ReportInput>[] = [unseen, checking];
