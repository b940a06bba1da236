import { defaultProvider } from '@aws-sdk/credential-provider-node';
import { messageOf } from '../core/failure.ts';

type Options = Parameters<typeof defaultProvider>[0];
type Provider = ReturnType<typeof defaultProvider>;

/**
 * The SDK's own search for credentials, except that its failure says why: the SDK tries one place after another and
 * keeps only "from any providers", so that a program that the profile names and that fails is not mentioned.
 */
export function credentialsOf(options: Options): Provider {
  const provider = defaultProvider(options);
  return async (...given) => {
    try {
      return await provider(...given);
    } catch (error) {
      if (!messageOf(error).includes('from any providers')) throw error;
      throw (await failureOfProfile(options)) ?? error;
    }
  };
}

/** Asks the profile alone. Returns undefined if it names no way to credentials. */
async function failureOfProfile(options: Options): Promise<unknown> {
  const { fromIni } = await import('@aws-sdk/credential-provider-ini');
  try {
    await fromIni(options)();
    return undefined;
  } catch (error) {
    // A profile without credentials, unlike one that takes them from a profile that is not there.
    const own = `Could not resolve credentials using profile: [${options?.profile ?? 'default'}]`;
    return messageOf(error).startsWith(own) ? undefined : error;
  }
}
