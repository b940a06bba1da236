/**
 * The command, whose password hashes take 2^4 rounds instead of 2^12 (quick-bcrypt.ts), for processes that are not about
 * their work: `node dist/testing/quick-command.js <argument…>`.
 */
import { register } from 'node:module';

register('./quick-bcrypt-hook.js', import.meta.url);
await import('../../bin/javumbo.js' as string);
