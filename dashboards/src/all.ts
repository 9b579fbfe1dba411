import { daemon } from './daemon.ts';
import { buildDashboard, type DashboardSource } from './dashboard.ts';
import { database } from './database.ts';
import { fleet } from './fleet.ts';
import { indexDetails } from './index-details.ts';
import { maintenance } from './maintenance.ts';

/** The committed files, by their path from the top of the repository. */
const sources: Readonly<Record<string, DashboardSource>> = {
  'dashboards/fleet.json': fleet,
  'dashboards/database.json': database,
  'dashboards/index.json': indexDetails,
  'dashboards/maintenance.json': maintenance,
  'dashboards/daemon.json': daemon,
};

/** Every dashboard as the text of its file. */
export const dashboardFiles: readonly { readonly path: string; readonly content: () => string }[] =
  Object.entries(sources).map(([path, source]) => ({
    path,
    content: () => `${JSON.stringify(buildDashboard(source), undefined, 2)}\n`,
  }));
