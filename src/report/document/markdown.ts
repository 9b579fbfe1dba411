import { targetKey } from '../../model/ids.ts';
import { assertNever } from '../../model/result.ts';
import { counted } from '../../model/units.ts';
import { escapeMarkdown, fenced, row } from '../markdown-text.ts';
import { isShownVerbatim, safeLine } from '../text.ts';
import type { Block, Inline, Text } from './blocks.ts';
import { type ReportDocument, titleOf } from './document.ts';
import type { WrittenSection } from './section.ts';
import { provenance, unreadWords } from './words.ts';

/** The report as GitHub-flavoured Markdown. Charts are left to HTML: their numbers stand in the tables. */
export function reportMarkdown(report: ReportDocument): string {
  const isOneOfMany = report.databases.length > 1;
  const parts = [
    `# ${escapeMarkdown(titleOf(report))}`,
    escapeMarkdown(provenance(report)),
    ...report.front.flatMap((section) => sectionParts(section, 2)),
    ...report.databases.flatMap((database) => [
      ...(isOneOfMany ? [`## Database ${inline([{ kind: 'name', text: targetKey(database) }])}`] : []),
      ...(database.unread === null
        ? database.sections.flatMap((section) => sectionParts(section, isOneOfMany ? 3 : 2))
        : [escapeMarkdown(unreadWords(database.unread))]),
    ]),
    ...report.back.flatMap((section) => sectionParts(section, 2)),
  ];
  return `${parts.join('\n\n')}\n`;
}

const sectionParts = ({ title, blocks }: WrittenSection, level: number): readonly string[] => [
  `${'#'.repeat(level)} ${escapeMarkdown(title)}`,
  ...blockParts(blocks, level + 1),
];

const blockParts = (blocks: readonly Block[], level: number): readonly string[] =>
  blocks.flatMap((block) => blockPart(block, level));

function blockPart(block: Block, level: number): readonly string[] {
  switch (block.kind) {
    case 'paragraph':
      return [inline(block.text)];
    case 'heading':
      return [`${'#'.repeat(level)} ${inline(block.text)}`];
    case 'list':
      return [
        block.items
          .map((item, place) => `${block.isOrdered === true ? `${place + 1}.` : '-'} ${inline(item)}`)
          .join('\n'),
      ];
    case 'table':
      return tableParts(block);
    case 'chart':
      return [];
    case 'sql':
      return [
        ...(isShownVerbatim(block.sql)
          ? []
          : ['This holds hidden characters, shown as escapes: take the statement from `--format json`.']),
        fenced(block.sql).join('\n'),
      ];
    case 'details':
      return [
        `<details>\n<summary>${plainHtml(block.summary)}</summary>`,
        ...blockParts(block.blocks, level),
        '</details>',
      ];
    default:
      return assertNever(block);
  }
}

function tableParts({
  columns,
  rows,
  leftOut,
}: Extract<Block, { readonly kind: 'table' }>): readonly string[] {
  const lines = [
    row(columns.map(({ title }) => escapeMarkdown(title))),
    `|${columns.map(({ isNumber }) => (isNumber === true ? '--:' : '---')).join('|')}|`,
    ...rows.map((cells) => row(cells.map(inline))),
  ];
  return [
    lines.join('\n'),
    ...(leftOut === undefined
      ? []
      : [`And ${counted(leftOut.count, 'more', 'more')} ${leftOut.what}: \`--format json\` has them all.`]),
  ];
}

const inline = (text: Text): string =>
  typeof text === 'string' ? escapeMarkdown(text) : text.map(inlinePart).join('');

/** What a code span can hold without any of it being markup, in a table as well. */
const plainCode = /^(?! )[\p{L}\p{N}_.,:;()=+*/<>&'" -]*[\p{L}\p{N}_.,:;()=+*/<>&'"-]$/u;

function inlinePart(part: Inline): string {
  if (typeof part === 'string') return escapeMarkdown(part);
  switch (part.kind) {
    case 'name':
    case 'code': {
      const text = safeLine(part.text);
      if (text === '') return '(empty)';
      return plainCode.test(text) ? `\`${text}\`` : escapeMarkdown(text);
    }
    case 'strong':
      return `**${escapeMarkdown(part.text)}**`;
    default:
      return assertNever(part.kind);
  }
}

/** Text where Markdown is not read: inside of a line of HTML. */
function plainHtml(text: Text): string {
  const plain =
    typeof text === 'string'
      ? text
      : text.map((part) => (typeof part === 'string' ? part : part.text)).join('');
  return safeLine(plain).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
