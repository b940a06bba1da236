/** What Vitest runs around every test file: it leaves nothing behind. */
import { afterAll } from 'vitest';
import { removeTemporaryDirectories } from './temporary-directory.ts';

afterAll(removeTemporaryDirectories);
