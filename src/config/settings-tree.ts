import { z } from 'zod';

/** One key of the configuration as its schema describes it. */
export interface SettingNode {
  readonly path: readonly string[];
  /** Its kind of value in words, see `fields.ts`. */
  readonly type: string;
  readonly description: string;
  readonly reason?: string;
  readonly minimum?: string;
  readonly maximum?: string;
  /** As it would be written in the file; absent where there is none. */
  readonly default?: unknown;
  readonly required: boolean;
  readonly shape: SettingShape;
}

/** What a key holds: a value, a list of values, a group of keys, or a list of groups. */
export type SettingShape =
  | { readonly kind: 'value'; readonly scalar: 'text' | 'number' | 'boolean' | 'choice' }
  | { readonly kind: 'values' }
  | { readonly kind: 'group'; readonly children: readonly SettingNode[] }
  | { readonly kind: 'groups'; readonly children: readonly SettingNode[] };

/** The keys of an object schema with everything that the reference, the example and the environment need. */
export function settingsOf(schema: z.ZodObject, under: readonly string[] = []): readonly SettingNode[] {
  return Object.entries(schema.shape).map(([key, child]) => nodeOf(asClassic(child), [...under, key]));
}

/** Every key below the given ones, depth first, groups before their keys; keys of listed groups get `[]` in their path. */
export function flatten(nodes: readonly SettingNode[]): readonly SettingNode[] {
  return nodes.flatMap((node) => [node, ...('children' in node.shape ? flatten(node.shape.children) : [])]);
}

/** The keys that an object schema knows at a path of a document, for did-you-mean; list positions are numbers. */
export function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): readonly string[] {
  return objectsAt(schema, path).flatMap((found) => Object.keys(found.shape));
}

/** The kind of value (a schema's `title`) expected at a path of a document, if the path exists. */
export function typeAt(schema: z.ZodType, path: readonly PropertyKey[]): string | undefined {
  return firstOf(schema, path, 'title');
}

/** Why the value at a path of a document is bounded, if it is. */
export function reasonAt(schema: z.ZodType, path: readonly PropertyKey[]): string | undefined {
  return firstOf(schema, path, '$comment');
}

const firstOf = (schema: z.ZodType, path: readonly PropertyKey[], key: keyof Meta): string | undefined =>
  schemasAt(schema, path)
    .map((candidate) => unwrap(candidate).meta[key])
    .find((value) => value !== undefined);

const objectsAt = (schema: z.ZodType, path: readonly PropertyKey[]): readonly z.ZodObject[] =>
  schemasAt(schema, path)
    .flatMap(variantsOf)
    .filter((variant) => variant instanceof z.ZodObject);

/** The schemas that a value at a path may have: several below a union. */
function schemasAt(schema: z.ZodType, path: readonly PropertyKey[]): readonly z.ZodType[] {
  let candidates: readonly z.ZodType[] = [schema];
  for (const step of path) candidates = candidates.flatMap((candidate) => childrenAt(candidate, step));
  return candidates;
}

function childrenAt(schema: z.ZodType, step: PropertyKey): readonly z.ZodType[] {
  return variantsOf(schema).flatMap((variant) => {
    if (variant instanceof z.ZodArray && typeof step === 'number') return [asClassic(variant.element)];
    if (variant instanceof z.ZodObject && typeof step === 'string') {
      const child = variant.shape[step];
      return child === undefined ? [] : [asClassic(child)];
    }
    return [];
  });
}

function variantsOf(schema: z.ZodType): readonly z.ZodType[] {
  const { inner } = unwrap(schema);
  return inner instanceof z.ZodUnion ? inner.options.map(asClassic).flatMap(variantsOf) : [inner];
}

function nodeOf(schema: z.ZodType, path: readonly string[]): SettingNode {
  const { inner, meta, fallback, isOptional } = unwrap(schema);
  const shape = shapeOf(inner, path);
  const isGroup = shape.kind === 'group';
  return {
    path,
    type: meta.title ?? inner.def.type,
    description: meta.description ?? '',
    ...(meta.$comment === undefined ? {} : { reason: meta.$comment }),
    ...(meta['x-minimum'] === undefined ? {} : { minimum: meta['x-minimum'] }),
    ...(meta['x-maximum'] === undefined ? {} : { maximum: meta['x-maximum'] }),
    ...(fallback === undefined || isGroup ? {} : { default: fallback.value }),
    required: fallback === undefined && !isOptional,
    shape,
  };
}

function shapeOf(schema: z.ZodType, path: readonly string[]): SettingShape {
  if (schema instanceof z.ZodObject) return { kind: 'group', children: settingsOf(schema, path) };
  if (schema instanceof z.ZodArray) {
    const element = unwrap(asClassic(schema.element)).inner;
    if (!(element instanceof z.ZodObject)) return { kind: 'values' };
    const [last, ...before] = [...path].reverse();
    return { kind: 'groups', children: settingsOf(element, [...before.reverse(), `${last}[]`]) };
  }
  if (schema instanceof z.ZodUnion) return unionShape(schema, path);
  if (schema instanceof z.ZodNumber) return { kind: 'value', scalar: 'number' };
  if (schema instanceof z.ZodBoolean) return { kind: 'value', scalar: 'boolean' };
  if (schema instanceof z.ZodLiteral && typeof schema.value === 'boolean')
    return { kind: 'value', scalar: 'boolean' };
  if (schema instanceof z.ZodEnum) return { kind: 'value', scalar: 'choice' };
  return { kind: 'value', scalar: 'text' };
}

/** Of a list or a group, the group has keys to describe; of plain values, text is what can always be written. */
function unionShape(schema: z.ZodUnion, path: readonly string[]): SettingShape {
  const variants = schema.options.map((option) => unwrap(asClassic(option)).inner);
  const group = variants.find((variant) => variant instanceof z.ZodObject);
  return group === undefined ? { kind: 'value', scalar: 'text' } : shapeOf(group, path);
}

interface Meta {
  readonly title?: string;
  readonly description?: string;
  readonly $comment?: string;
  readonly 'x-minimum'?: string;
  readonly 'x-maximum'?: string;
}

interface Unwrapped {
  readonly inner: z.ZodType;
  readonly meta: Meta;
  readonly fallback?: { readonly value: unknown };
  readonly isOptional: boolean;
}

/** A schema without its wrappers: optional, preset and transformed values. What an outer one says of itself wins. */
function unwrap(schema: z.ZodType): Unwrapped {
  let inner = schema;
  let meta: Meta = {};
  let fallback: { readonly value: unknown } | undefined;
  let isOptional = false;
  for (;;) {
    meta = { ...metaOf(inner), ...meta };
    if (inner instanceof z.ZodPrefault || inner instanceof z.ZodDefault) {
      fallback ??= { value: inner.def.defaultValue };
      inner = asClassic(inner.def.innerType);
    } else if (
      inner instanceof z.ZodOptional ||
      inner instanceof z.ZodNullable ||
      inner instanceof z.ZodReadonly
    ) {
      isOptional ||= inner instanceof z.ZodOptional;
      inner = asClassic(inner.def.innerType);
    } else if (inner instanceof z.ZodPipe) {
      inner = asClassic(inner.def.in);
    } else {
      return { inner, meta, isOptional, ...(fallback === undefined ? {} : { fallback }) };
    }
  }
}

/** Read key by key, since anyone may attach anything to a schema. */
function metaOf(schema: z.ZodType): Meta {
  const given = schema.meta() ?? {};
  const meta: Record<string, string> = {};
  for (const key of ['title', 'description', '$comment', 'x-minimum', 'x-maximum']) {
    const value = given[key];
    if (typeof value === 'string') meta[key] = value;
  }
  return meta;
}

/** Zod types children by its core; everything built here comes from the classic API, which extends it. */
const asClassic = (schema: z.core.$ZodType): z.ZodType => schema as z.ZodType;
