import { type Cell, storedTimeCell } from '../../cli/cells.ts';
import type { View } from '../../cli/print.ts';
import type { User, UserRepository } from '../../users/repository.ts';
import type { Invocation } from '../execute.ts';

/** Opens the accounts of the deployment. */
export async function openRepository(invocation: Invocation): Promise<UserRepository> {
  const [{ UserRepository }, users] = await Promise.all([import('../../users/repository.ts'), invocation.users()]);
  return new UserRepository(users, invocation.context);
}

export const userView: View<User> = { fields: userFields };

export function userFields({ username, name, createdAt, updatedAt }: User): Readonly<Record<string, Cell>> {
  return {
    username,
    name,
    'created at': storedTimeCell(createdAt),
    'updated at': storedTimeCell(updatedAt),
  };
}
