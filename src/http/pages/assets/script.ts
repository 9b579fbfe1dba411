/**
 * What pages do beyond their HTML: times in the viewer's zone, buttons that copy, lists that follow the diary. Everything works
 * without it. Nothing from a database is put into the page by it but through the server's own HTML.
 */
export const script = `'use strict';
(() => {
  const root = document.documentElement;
  root.classList.add('script');

  const two = (number) => String(number).padStart(2, '0');
  const localize = (within) => {
    for (const time of within.querySelectorAll('time[datetime]')) {
      const at = new Date(time.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      time.textContent = at.getFullYear() + '-' + two(at.getMonth() + 1) + '-' + two(at.getDate()) + ' ' + two(at.getHours()) + ':' + two(at.getMinutes());
    }
  };

  const status = document.getElementById('page-status');
  const say = (text) => { if (status) status.textContent = text; };

  const copyText = async (text, shown) => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // Not on a page without TLS: then it is at least selected.
      const range = document.createRange();
      range.selectNodeContents(shown);
      const selection = getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      return text === shown.textContent && document.execCommand('copy');
    }
  };
  document.addEventListener('click', async (event) => {
    const button = event.target.closest('button[data-copy]');
    if (!button) return;
    const shown = document.getElementById(button.dataset.copy);
    const isCopied = await copyText(button.dataset.text ?? shown.textContent, shown);
    say(isCopied ? 'Copied.' : 'Selected: copy it with the keyboard.');
    const word = button.firstChild;
    word.textContent = isCopied ? 'Copied' : 'Selected';
    setTimeout(() => { word.textContent = 'Copy'; say(''); }, 2000);
  });

  // A part of a page that shows what the diary tells is asked for again, as HTML, when the diary has grown.
  const follow = (element) => {
    const source = new EventSource(element.dataset.follow);
    let isDue = false;
    let isAsking = false;
    const refresh = async () => {
      isDue = true;
      if (isAsking) return;
      isAsking = true;
      while (isDue) {
        isDue = false;
        try {
          const answer = await fetch(location.href, { headers: { Accept: 'text/html' } });
          if (answer.ok) {
            const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
            const fresh = page.getElementById(element.id);
            if (fresh && !element.contains(document.activeElement)) {
              element.replaceChildren(...fresh.childNodes);
              localize(element);
              say('The list has been brought up to date.');
            }
          }
        } catch { /* The stream says when the daemon is back. */ }
        await new Promise((resolve) => setTimeout(resolve, 1000));
      }
      isAsking = false;
    };
    for (const kind of (element.dataset.kinds ?? '').split(' ')) if (kind) source.addEventListener(kind, refresh);
    source.addEventListener('message', refresh);
    addEventListener('pagehide', () => source.close());
  };

  localize(document);
  const zone = document.getElementById('page-zone');
  if (zone) zone.textContent = 'Times are those of ' + (Intl.DateTimeFormat().resolvedOptions().timeZone || 'this device') + '; point at one for UTC.';
  for (const element of document.querySelectorAll('[data-follow]')) follow(element);
})();
`;
