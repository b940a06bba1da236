/** Makes quick-bcrypt.ts what the bundle loads as bcryptjs, a file of its own. For scripts in dist/testing. */
import { createRequire } from 'node:module';
import * as quickBcrypt from './quick-bcrypt.ts';

interface ModuleLoader {
  _load(request: string, ...more: readonly unknown[]): unknown;
}

export function useQuickBcrypt(): void {
  const loader = createRequire(import.meta.url)('node:module') as ModuleLoader;
  const load = loader._load.bind(loader);
  loader._load = (request, ...more) => (/^\.\/bcryptjs-/.test(request) ? quickBcrypt : load(request, ...more));
}
