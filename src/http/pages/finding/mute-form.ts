import type { Finding } from '../../../model/finding.ts';
import type { Mute } from '../../../model/mute.ts';
import type { PageAccess } from '../access.ts';
import { type Html, template } from '../html.ts';
import { findingPath } from '../words.ts';

/** How long a mute holds where nobody says otherwise, in days: long enough to decide, short enough to be asked again. */
const usualDays = 90;
const dayMs = 86_400_000;

/** To mute, or to lift what was set here; whoever may not is told how to become somebody who may. */
export function muteFormHtml(
  finding: Finding,
  kept: Mute | undefined,
  { access, nowMs }: { readonly access: PageAccess; readonly nowMs: number },
): Html {
  if (!access.isAdministrator) {
    return signIn({
      hasAdministrators: access.hasAdministrators,
      login: `/login?${new URLSearchParams({ next: findingPath(finding) })}`,
    });
  }
  return form({
    path: findingPath(finding),
    csrf: access.csrfToken,
    author: access.name ?? '',
    isKept: kept !== undefined,
    until: new Date(nowMs + usualDays * dayMs).toISOString().slice(0, 10),
    earliest: new Date(nowMs).toISOString().slice(0, 10),
  });
}

const signIn = template<{ readonly hasAdministrators: boolean; readonly login: string }>(
  `<% if (it.hasAdministrators) { %><p>Administrators can mute it, with a reason and a day on which it speaks again: <a href="<%= it.login %>">sign in</a>.</p><% } else { %><p>Changes over HTTP are off here, since nobody is configured who may make them (<code>http.adminTokenFile</code>, <code>http.adminUsers</code>). Mutes can also stand in the configuration or in the comment of the index: see <a href="/docs/muting.md">Muting</a>.</p><% } %>`,
);

const form = template<{
  readonly path: string;
  readonly csrf: string | undefined;
  readonly author: string;
  readonly isKept: boolean;
  readonly until: string;
  readonly earliest: string;
}>(`<form class="narrow" method="post" action="<%= it.path %>/mute">
<% if (it.csrf) { %><input type="hidden" name="csrf" value="<%= it.csrf %>"><% } %>
<p><label for="mute-reason">Why it need not be told</label><textarea id="mute-reason" name="reason" rows="2" required maxlength="500"></textarea></p>
<p><label for="mute-author">Who says so</label><input id="mute-author" name="author" required maxlength="100" value="<%= it.author %>"></p>
<p><label for="mute-until">Until the end of this day, UTC (empty: for good)</label><input id="mute-until" name="until" type="date" value="<%= it.until %>" min="<%= it.earliest %>"></p>
<p><button type="submit"><%= it.isKept ? 'Replace the mute' : 'Mute this finding' %></button></p>
</form>
<% if (it.isKept) { %><form method="post" action="<%= it.path %>/lift">
<% if (it.csrf) { %><input type="hidden" name="csrf" value="<%= it.csrf %>"><% } %>
<p><button type="submit" class="plain">Lift the mute</button></p>
</form><% } %>`);
