import type { ReplicaFact, ServerFact } from '../collectors/server.ts';

/**
 * Replicas that are connected to the primary and are none of the standbys that were looked at, by name. A replica and a standby are
 * the same when the standby is called so in its primary's view, at the same address where several are called alike: a cascading
 * standby may share its name with a stranger, and must not hide it.
 */
export function unknownReplicas(
  replicas: readonly ReplicaFact[],
  standbys: readonly Pick<ServerFact, 'standbyName' | 'serverAddress'>[],
): readonly string[] {
  const left = [...replicas];
  for (const server of standbys) {
    const alike = left.filter((replica) => replica.applicationName === server.standbyName);
    const [only] = alike;
    const same =
      alike.length === 1 && only !== undefined
        ? only
        : alike.find((replica) => replica.clientAddress === server.serverAddress);
    if (same !== undefined) left.splice(left.indexOf(same), 1);
  }
  return [...new Set(left.map(nameOf))].sort();
}

const nameOf = ({ applicationName, clientAddress }: ReplicaFact): string =>
  [applicationName, clientAddress].filter((part) => part !== '').join('@') || 'an unnamed replica';
