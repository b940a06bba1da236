import { JavumboError, messageOf } from '../core/failure.ts';
import type { UnsentError } from './unsent.ts';

const KEYS = 'export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or --profile';

/** What the SDK throws before it sends, by its words, and the setting that mends it. */
const CAUSES: readonly (readonly [
  pattern: RegExp,
  kind: 'usage' | 'unavailable',
  message: (text: string) => string,
  hint: string,
])[] = [
  [
    /holds a newline or another character/,
    'usage',
    (text) => text,
    'AWS_ACCESS_KEY_ID, AWS_SESSION_TOKEN or the profile, without the end of a line',
  ],
  [
    /dual-?stack|FIPS/i,
    'usage',
    (text) => `the AWS settings contradict each other: ${text}`,
    'unset AWS_USE_DUALSTACK_ENDPOINT and AWS_USE_FIPS_ENDPOINT, or leave out the endpoint',
  ],
  [
    /Region not accepted|Region is missing|region is not a valid/i,
    'usage',
    (text) => text.replace(/^Region/, 'region'),
    'the name of a region in --region or AWS_REGION',
  ],
  [
    /ENOENT|EACCES|EISDIR/,
    'unavailable',
    (text) => `no AWS credentials: ${text}`,
    'a file that can be read in AWS_WEB_IDENTITY_TOKEN_FILE, or another way to credentials: --profile',
  ],
  [
    /SSO|sso-session|sso login/i,
    'unavailable',
    (text) => `no AWS credentials: ${text}`,
    'aws sso login, with the same --profile',
  ],
];

/** Returns the failure of a request that never reached the socket, named by the setting that prevented it. */
export function unsentFailure(error: UnsentError, what: string, username: string | undefined): JavumboError {
  const text = oneLine(messageOf(error));
  const known = CAUSES.find(([pattern]) => pattern.test(text));
  const fail = (kind: 'usage' | 'unavailable', message: string, hint: string): JavumboError =>
    new JavumboError(kind, `${what}: ${message}`, { try: hint, username, cause: error });
  if (known !== undefined) return fail(known[1], known[2](text), known[3]);
  const credentials = /^(CredentialsProvider|TokenProvider|ProviderError)/.test(error.name) || isReply(error.cause);
  if (credentials) return fail('unavailable', `no AWS credentials: ${text}`, KEYS);
  return fail(
    'unavailable',
    `the request could not be made, and nothing was sent: ${text}`,
    'the AWS settings of the environment and of the profile; --verbose prints the causes',
  );
}

/** True for what a service answered that was asked for credentials. */
function isReply(cause: unknown): boolean {
  return (cause as { $metadata?: { httpStatusCode?: number } } | null)?.$metadata?.httpStatusCode !== undefined;
}

function oneLine(text: string): string {
  return text
    .trim()
    .split(/\s*\n\s*/)
    .join('; ');
}
