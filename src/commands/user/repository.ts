import type { View } from '../../cli/print.ts';
import type { User, UserRepository } from '../../users/repository.ts';
import type { Invocation } from '../execute.ts';

/** The accounts of the deployment that the command works on. */
export async function openRepository(invocation: Invocation): Promise<UserRepository> {
  // Both are loaded from disk: the one while the other is.
  const [{ UserRepository }, users] = await Promise.all([import('../../users/repository.ts'), invocation.users()]);
  return new UserRepository(users, invocation.context);
}

export const userView: View<User> = {
  table: (user) => ({ rows: userRows(user) }),
};

/** Names and values of one user, as a table without a head. */
export function userRows({ username, name, createdAt, updatedAt }: User): string[][] {
  return [
    ['username', username],
    ['name', name],
    ...(createdAt === undefined ? [] : [['created at', createdAt]]),
    ...(updatedAt === undefined ? [] : [['updated at', updatedAt]]),
  ];
}
