import { harmlessJson } from '../check/json.ts';
import type { BloatReport } from './result.ts';

/** `{"indexes": […]}`, the most wasteful first. */
export const renderBloatJson = ({ rows }: BloatReport): string => `${harmlessJson({ indexes: rows })}\n`;
