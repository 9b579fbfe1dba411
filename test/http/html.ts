/** Elements that have no end. */
const voidElements = new Set(['meta', 'link', 'input', 'br', 'hr', 'img', 'col', 'rect', 'path', 'circle']);
/** A tag with its attributes, which stand in double quotes; or a comment or doctype. */
const tag = /<(\/?)([a-zA-Z][a-zA-Z0-9]*)((?:\s+[a-zA-Z-]+(?:="[^"<>]*")?)*)\s*(\/?)>/y;
/** Inside of these, nothing is a tag: pages have none with content. */
const rawElements = new Set(['script', 'style']);

/**
 * What is wrong with a page: tags that are not closed or not opened, a `<` or `>` that is no tag's, ids and attributes that stand
 * twice, labels and links to ids that are not there, script or style of its own. Stricter than HTML, as our templates are.
 */
export function faultsOf(page: string): readonly string[] {
  const faults: string[] = [];
  const open: string[] = [];
  const ids = new Set<string>();
  const referred: string[] = [];
  let at = page.startsWith('<!doctype html>') ? '<!doctype html>'.length : 0;
  if (at === 0) faults.push('no doctype');
  for (;;) {
    const next = page.indexOf('<', at);
    const text = page.slice(at, next < 0 ? undefined : next);
    if (text.includes('>')) faults.push(`a stray > in ${JSON.stringify(text.slice(0, 80))}`);
    if (next < 0) break;
    tag.lastIndex = next;
    const match = tag.exec(page);
    if (match === null) {
      faults.push(`no tag at ${JSON.stringify(page.slice(next, next + 80))}`);
      at = next + 1;
      continue;
    }
    at = tag.lastIndex;
    const [, slash = '', name = '', attributes = ''] = match;
    if (slash !== '') {
      const last = open.pop();
      if (last !== name) faults.push(`</${name}> closes <${last}>`);
      continue;
    }
    if (!voidElements.has(name)) open.push(name);
    if (rawElements.has(name) && !attributes.includes(' src=')) faults.push(`<${name}> of its own`);
    const seen = new Set<string>();
    for (const [, attribute = '', value = ''] of attributes.matchAll(/([a-zA-Z-]+)(?:="([^"]*)")?/g)) {
      if (seen.has(attribute)) faults.push(`${attribute} twice in <${name}>`);
      seen.add(attribute);
      if (attribute.startsWith('on') || attribute === 'style') faults.push(`${attribute} in <${name}>`);
      if (attribute === 'id') {
        if (ids.has(value)) faults.push(`id ${value} twice`);
        ids.add(value);
      }
      if (attribute === 'for' || attribute === 'aria-labelledby' || attribute === 'data-copy')
        referred.push(value);
      if (attribute === 'href' && value.startsWith('#')) referred.push(value.slice(1));
      if (
        (attribute === 'href' || attribute === 'src' || attribute === 'action') &&
        !/^(?:\/(?!\/)|#|https?:|[\w.-]+\.md)/.test(value)
      )
        faults.push(`${attribute} leads to ${JSON.stringify(value)}`);
    }
  }
  if (open.length > 0) faults.push(`not closed: ${open.join(', ')}`);
  for (const id of referred) if (!ids.has(id)) faults.push(`nothing has the id ${id}`);
  return faults;
}
