/**
 * A container that runs the function's bundle, as Lambda's runtime does, and is spoken to as one of the local function is:
 * `node dist/testing/bundle-container.js <path of index.mjs>`, with a channel to whoever starts it.
 */
import { pathToFileURL } from 'node:url';
import { serveCalls } from '../lambda/container-runtime.ts';

const { handler } = await import(pathToFileURL(process.argv[2] ?? '').href);
serveCalls(() => handler);
