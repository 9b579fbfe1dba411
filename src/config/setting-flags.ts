import { environmentName, overridable } from './overrides.ts';
import { type ConfigDeclarations, configFileSchema } from './schema.ts';
import { settingsOf } from './settings-tree.ts';

/** A setting as a flag of the command line: its name without the dashes is its dotted path. */
export interface SettingFlag {
  readonly name: string;
  /** As `util.parseArgs` has it; a boolean flag may stand without a value. */
  readonly type: 'string' | 'boolean';
  /** The kind of value in words. */
  readonly valueType: string;
  readonly description: string;
  readonly environmentName: string;
  readonly default?: unknown;
}

/** Every setting that a flag can give, in the order of the reference. */
export function settingFlags(declarations: ConfigDeclarations): readonly SettingFlag[] {
  return overridable(settingsOf(configFileSchema(declarations))).map((node) => ({
    name: node.path.join('.'),
    type: node.shape.kind === 'value' && node.shape.scalar === 'boolean' ? 'boolean' : 'string',
    valueType: node.type,
    description: node.description,
    environmentName: environmentName(node.path),
    ...(node.default === undefined ? {} : { default: node.default }),
  }));
}
