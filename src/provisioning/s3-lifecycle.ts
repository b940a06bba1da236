import {
  GetBucketLifecycleConfigurationCommand,
  type LifecycleRule,
  type S3Client,
  type TransitionDefaultMinimumObjectSize,
} from '@aws-sdk/client-s3';
import { errorNameOf } from '../aws/errors.ts';

/** How long old versions are kept, as in week 1 (the prototype). */
export const EXPIRY_DAYS = 30;

/** Removes old versions, and what is left of unfinished uploads. */
export const EXPIRY_RULE: LifecycleRule = {
  ID: 'javumbo-expire-old-versions',
  Status: 'Enabled',
  Filter: { Prefix: '' },
  NoncurrentVersionExpiration: { NoncurrentDays: EXPIRY_DAYS },
  AbortIncompleteMultipartUpload: { DaysAfterInitiation: EXPIRY_DAYS },
};

interface Lifecycle {
  readonly rules: LifecycleRule[];
  /** Set on the whole configuration; lost unless sent back with it. */
  readonly TransitionDefaultMinimumObjectSize?: TransitionDefaultMinimumObjectSize;
}

/** Returns what is set; no rules where nothing ever was. */
export async function lifecycleOf(client: S3Client, bucket: string): Promise<Lifecycle> {
  try {
    const { Rules = [], TransitionDefaultMinimumObjectSize: size } = await client.send(
      new GetBucketLifecycleConfigurationCommand({ Bucket: bucket }),
    );
    return { rules: Rules, ...(size === undefined ? {} : { TransitionDefaultMinimumObjectSize: size }) };
  } catch (error) {
    if (errorNameOf(error) === 'NoSuchLifecycleConfiguration') return { rules: [] };
    throw error;
  }
}

/** Says whether old versions expire as they should; a text says what was chosen instead. */
export function expiryIsOn(rules: readonly LifecycleRule[]): boolean | string {
  if (rules.some(({ ID, Status }) => ID === EXPIRY_RULE.ID && Status === 'Disabled')) {
    return `rule "${EXPIRY_RULE.ID}" is disabled`;
  }
  const enabled = rules.filter((rule) => rule.Status === 'Enabled' && isAboutEverything(rule));
  const days = enabled.flatMap(({ NoncurrentVersionExpiration: expiry }) => expiry?.NoncurrentDays ?? []);
  if (days.length > 0 && !days.includes(EXPIRY_DAYS)) return `they expire after ${Math.min(...days)} days`;
  // Unfinished uploads must be removed too, after any number of days.
  return days.length > 0 && enabled.some((rule) => rule.AbortIncompleteMultipartUpload !== undefined);
}

function isAboutEverything({ Filter, Prefix = '' }: LifecycleRule): boolean {
  const { Prefix: filtered = '', ...more } = Filter ?? {};
  return Prefix === '' && filtered === '' && Object.values(more).every((value) => value === undefined);
}
