import { collectors } from '../collectors/index.ts';
import type { ConfigDeclarations } from '../config/schema.ts';
import { detectors } from '../detectors/index.ts';

/** What the configuration consists of beside its own keys: the collectors and the detectors of the program. */
export const declarations: ConfigDeclarations = {
  collectorDefaults: collectors,
  detectorSettings: Object.fromEntries(detectors.map((detector) => [detector.id, detector.settings])),
};
