/** The last step of `npm run build`: makes of what tsc compiled what the package consists of. */
import { fileURLToPath } from 'node:url';
import { copyDeclarations } from './declarations.ts';
import { bundleFunction } from './function-bundle.ts';
import { bundlePackage } from './package-bundle.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

await bundlePackage(root);
await bundleFunction(root);
copyDeclarations(root);
