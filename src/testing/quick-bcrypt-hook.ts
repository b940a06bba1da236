/** What Node asks where a module is: bcryptjs, in the bundle a file of its own, is quick-bcrypt.ts. */
import type { ResolveHook } from 'node:module';

const QUICK = new URL('./quick-bcrypt.js', import.meta.url).href;

export const resolve: ResolveHook = async (specifier, context, next) =>
  /\bbcryptjs\b/.test(specifier) ? { url: QUICK, format: 'module', shortCircuit: true } : next(specifier, context);
