import { asksProfile, type Config, type GlobalFlags, resolveConfig, resolveProfile } from './config.ts';
import { withContext } from './contexts.ts';
import type { TerraformOutputs } from './terraform.ts';

/**
 * Resolves the configuration, with the context that is meant, and the AWS profile read only where requests to AWS or an engine will follow. Throws
 * `usage`, as `resolveConfig` does.
 */
export async function loadConfig(
  flags: GlobalFlags,
  given: NodeJS.ProcessEnv,
  terraform: TerraformOutputs = {},
): Promise<Config> {
  const { env, profile, label } = withContext(flags, given);
  // Asked beforehand: without the profile's endpoint, --rtt would seem to be meant for AWS itself.
  if (!asksProfile(flags, env, terraform)) return label(resolveConfig(flags, env, {}, terraform));
  const { loadProfile } = await import('./profile.ts');
  const settings = profile(await loadProfile(resolveProfile(flags, env)));
  return label(resolveConfig(flags, env, settings, terraform));
}
