import type { Context } from '../cli/context.ts';
import type { Config } from '../config.ts';
import { assembleDeployment } from './assemble.ts';
import type { OpenBackend } from './backend.ts';
import type { Deployment } from './deployment.ts';

/** Puts the configured deployment together. Makes no request; the local deployment's directory is made if missing. */
export async function openDeployment(config: Config, context: Context): Promise<Deployment> {
  return assembleDeployment(config, context, await backendOf(config));
}

async function backendOf({ deployment }: Config): Promise<OpenBackend> {
  if (deployment.value === 'local') return (await import('./local-backend.ts')).openLocalBackend;
  const { awsBackend } = await import('./aws-backend.ts');
  const { betterSqlite } = await import('../databases/better-sqlite.ts');
  return awsBackend(betterSqlite);
}
