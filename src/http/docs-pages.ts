import { type Dirent, readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import type { RequestHandler } from 'express';
import { pageLayout } from './layout.ts';
import { createMarkdown, titleOf } from './markdown.ts';
import { notFound, sendProblem } from './problem.ts';

/**
 * The product's own documentation. What may be served is listed once, from the folder; a request is looked up in that list and
 * never turned into a path, so that there is nothing to traverse.
 */
export function serveDocs(directory: string): RequestHandler {
  const library = readLibrary(directory);
  const rendered = new Map<string, string>();
  const markdown = createMarkdown();

  const render = (name: string): string => {
    const known = rendered.get(name);
    if (known !== undefined) return known;
    const text = readFileSync(join(directory, name), 'utf8');
    const page = pageLayout({
      title: titleOf(text) ?? name,
      contentHtml: markdown.render(text),
      place: '/docs/',
    });
    rendered.set(name, page);
    return page;
  };
  const renderContents = (folder: string): string => {
    const pages = library.pages.filter((name) => name.startsWith(folder));
    const entries = pages.map((name) => {
      const title = titleOf(readFileSync(join(directory, name), 'utf8')) ?? name;
      return `- [${escapeLinkText(title)}](<${encodeURI(name.slice(folder.length))}>)`;
    });
    return pageLayout({
      title: 'Documentation',
      contentHtml: markdown.render(`# Documentation\n\n${entries.join('\n')}`),
      place: '/docs/',
    });
  };

  return (request, response) => {
    const name = decode(request.path.slice(1));
    if (name === undefined) return sendProblem(response, notFound('no page of the documentation'));
    // Without the slash, the links of a folder's page would lead elsewhere.
    if (name === '' && !request.originalUrl.replace(/\?.*$/s, '').endsWith('/'))
      return response.redirect(308, `${request.baseUrl}/`);
    if (library.folders.has(`${name}/`))
      return response.redirect(308, `${request.baseUrl}/${encodeURI(name)}/`);
    response.set('Cache-Control', 'no-cache');
    const page = pageFor(name, library);
    if (page !== undefined) {
      response.type('html').send(render(page));
    } else if (name === '' ? library.pages.length > 0 : library.folders.has(name)) {
      response.type('html').send(renderContents(name));
    } else if (library.pictures.has(name)) {
      response.type(name.slice(name.lastIndexOf('.'))).send(readFileSync(join(directory, name)));
    } else {
      sendProblem(
        response,
        notFound(
          library.pages.length === 0
            ? 'the documentation is not installed beside this program'
            : 'no page of the documentation; /docs/ lists them',
        ),
      );
    }
  };
}

interface Library {
  /** Markdown files, by their path with slashes, sorted. */
  readonly pages: readonly string[];
  readonly pictures: ReadonlySet<string>;
  /** Folders that hold pages, each with its slash. */
  readonly folders: ReadonlySet<string>;
}

const pictureNames = /\.(png|jpg|svg|webp)$/;

function readLibrary(directory: string): Library {
  const names = entriesOf(directory)
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort();
  const pages = names.filter((name) => name.endsWith('.md'));
  const folders = pages.flatMap((name) => {
    const parts = name.split('/').slice(0, -1);
    return parts.map((_, place) => `${parts.slice(0, place + 1).join('/')}/`);
  });
  return {
    pages,
    pictures: new Set(names.filter((name) => pictureNames.test(name))),
    folders: new Set(folders),
  };
}

/** Symbolic links count as neither file nor folder here, and are not followed. */
function entriesOf(directory: string): readonly Dirent[] {
  try {
    return readdirSync(directory, { recursive: true, withFileTypes: true });
  } catch {
    return [];
  }
}

/** `a/b.md`, `a/b` and, for folders, the page that introduces them. */
function pageFor(name: string, { pages }: Library): string | undefined {
  const candidates =
    name === '' || name.endsWith('/') ? [`${name}README.md`, `${name}index.md`] : [name, `${name}.md`];
  return candidates.find((candidate) => pages.includes(candidate));
}

function decode(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}

const escapeLinkText = (text: string): string => text.replace(/[\\[\]`*_<>]/g, '\\$&');
