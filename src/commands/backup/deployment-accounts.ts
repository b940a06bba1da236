import { JavumboError } from '../../core/failure.ts';
import type { Deployment } from '../../deployment/deployment.ts';
import type { UserTable } from '../../users/user-table.ts';

/**
 * Opens the accounts. An endpoint for databases may have none for accounts: then they are left out on purpose, never in
 * silence.
 */
export function accountsOf(deployment: Deployment): Promise<UserTable> {
  return deployment.users().catch((error: unknown) => {
    if (!(error instanceof JavumboError) || error.kind !== 'usage') throw error;
    throw new JavumboError('usage', error.message, {
      try: `${error.try ?? 'another --users-table'}, or --without-accounts`,
      cause: error,
    });
  });
}
