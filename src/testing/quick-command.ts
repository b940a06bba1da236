/**
 * The command, whose password hashes take 2^4 rounds instead of 2^12 (quick-bcrypt.ts), for processes that are not about
 * their work: `node dist/testing/quick-command.js <argument…>`.
 */
import { useQuickBcrypt } from './quick-bcrypt-hook.ts';

useQuickBcrypt();
await import('../../bin/javumbo.js' as string);
