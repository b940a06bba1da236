/**
 * Runs the function's bundle like Lambda's runtime, over the local function's channel: `node
 * dist/testing/bundle-container.js <path of index.mjs>`.
 */
import { pathToFileURL } from 'node:url';
import { serveCalls } from '../lambda/container-runtime.ts';

const { handler } = await import(pathToFileURL(process.argv[2] ?? '').href);
serveCalls(() => handler);
