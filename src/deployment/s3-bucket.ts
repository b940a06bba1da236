import {
  type BucketLocationConstraint,
  CreateBucketCommand,
  GetBucketEncryptionCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketVersioningCommand,
  GetPublicAccessBlockCommand,
  HeadBucketCommand,
  type LifecycleRule,
  PutBucketEncryptionCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketVersioningCommand,
  PutPublicAccessBlockCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { asAwsFailure, nameOf, statusOf } from '../aws-errors.ts';
import { JavumboError } from '../failure.ts';
import { type Resource, type Service, type Setting, type SettingResult, settingOf, UNSUPPORTED } from './provision.ts';

export interface S3BucketOptions {
  readonly bucket: string;
  readonly region: string;
  /** Set for anything that is not AWS itself. */
  readonly endpoint: string | undefined;
  /** What goes wrong on a bucket for which `prepare` has set something; empty when it can be used as it must. */
  readonly probe: (prepare: (scratchBucket: string) => Promise<unknown>) => Promise<readonly string[]>;
}

/** Old versions are kept that long, as week 1 has it. */
const EXPIRY_DAYS = 30;

/**
 * The bucket of the user databases: versions, encryption, no public access, and expiry of what is out of date. The client
 * may retry: every request here does the same when it arrives twice.
 */
export function bucketResource(client: S3Client, options: S3BucketOptions): Resource {
  const { bucket, region, endpoint } = options;
  const Bucket = bucket;
  const subject = `bucket "${bucket}"`;
  const service = s3Service(endpoint);
  const setting = settingOf.bind(undefined, service, subject);
  return {
    kind: 'bucket',
    name: bucket,
    exists: async () => {
      try {
        await client.send(new HeadBucketCommand({ Bucket }));
        return true;
      } catch (error) {
        if (statusOf(error) === 404) return false;
        throw service.failure(error, `look for ${subject}`);
      }
    },
    make: async () => {
      try {
        await createBucket(client, bucket, region, endpoint);
        return true;
      } catch (error) {
        if (nameOf(error) === 'BucketAlreadyOwnedByYou') return false;
        if (nameOf(error) === 'InvalidBucketName') {
          throw new JavumboError('usage', `no bucket can be called "${bucket}" at ${endpoint ?? 'AWS'}`, {
            try: '--bucket with 3 to 63 lower-case letters, digits and hyphens',
            cause: error,
          });
        }
        if (nameOf(error) !== 'BucketAlreadyExists') throw service.failure(error, `make ${subject}`);
        throw new JavumboError('conflict', `${subject} belongs to somebody else`, {
          try: 'another --bucket',
          cause: error,
        });
      }
    },
    settings: [
      // On some engines the first takes the promise of conditional writes away, and the second every right to write:
      // Ceph 16 does both.
      probed(
        options,
        setting(
          'versioning',
          async () => (await client.send(new GetBucketVersioningCommand({ Bucket }))).Status === 'Enabled',
          () => enableVersioning(client, bucket),
        ),
        (scratch) => enableVersioning(client, scratch),
      ),
      probed(
        options,
        setting(
          'public access blocked',
          unlessAbsent('NoSuchPublicAccessBlockConfiguration', async () => {
            const { PublicAccessBlockConfiguration: found } = await client.send(
              new GetPublicAccessBlockCommand({ Bucket }),
            );
            return Object.keys(BLOCKED).every((name) => found?.[name as keyof typeof BLOCKED] === true);
          }),
          () => blockPublicAccess(client, bucket),
        ),
        (scratch) => blockPublicAccess(client, scratch),
      ),
      setting(
        'encryption',
        unlessAbsent('ServerSideEncryptionConfigurationNotFoundError', async () => {
          const { ServerSideEncryptionConfiguration: found } = await client.send(
            new GetBucketEncryptionCommand({ Bucket }),
          );
          return (found?.Rules ?? []).length > 0;
        }),
        () =>
          client.send(
            new PutBucketEncryptionCommand({
              Bucket,
              ServerSideEncryptionConfiguration: {
                Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
              },
            }),
          ),
      ),
      setting(
        `expiry of old versions after ${EXPIRY_DAYS} days`,
        async () => (await lifecycleRules(client, bucket)).some(expiresOldVersions),
        async () => {
          // All rules are replaced at once, so those that are there are sent along.
          const others = await lifecycleRules(client, bucket);
          await client.send(
            new PutBucketLifecycleConfigurationCommand({
              Bucket,
              LifecycleConfiguration: { Rules: [...others, EXPIRY_RULE] },
            }),
          );
        },
      ),
    ],
  };
}

// From another engine than AWS: it knows the operation, and not what is asked of it. (Ceph 16 encrypts with KMS alone.)
const NOT_UNDERSTOOD = new Set(['InvalidArgument', 'InvalidRequest', 'MalformedXML', 'NotImplemented']);

function s3Service(endpoint: string | undefined): Service {
  return {
    isUnsupported: (error) =>
      statusOf(error) === 501 ||
      statusOf(error) === 405 ||
      (endpoint !== undefined && NOT_UNDERSTOOD.has(nameOf(error))),
    failure: (error, what) =>
      asAwsFailure(error, { what, where: endpoint ?? 'AWS', username: undefined, rights: 'set up the bucket' }),
  };
}

/** S3 answers with that error where nothing was ever set. */
function unlessAbsent(error: string, isOn: () => Promise<boolean>): () => Promise<boolean> {
  return async () => {
    try {
      return await isOn();
    } catch (thrown) {
      if (nameOf(thrown) === error) return false;
      throw thrown;
    }
  };
}

/** Makes a bucket; a region other than the first one has to be named on AWS, and engines have names of their own for it. */
export async function createBucket(
  client: S3Client,
  bucket: string,
  region: string,
  endpoint: string | undefined,
): Promise<void> {
  const named = endpoint === undefined && region !== 'us-east-1';
  await client.send(
    new CreateBucketCommand({
      Bucket: bucket,
      ...(named ? { CreateBucketConfiguration: { LocationConstraint: region as BucketLocationConstraint } } : {}),
    }),
  );
}

async function enableVersioning(client: S3Client, bucket: string): Promise<void> {
  await client.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status: 'Enabled' } }));
}

async function blockPublicAccess(client: S3Client, bucket: string): Promise<void> {
  await client.send(new PutPublicAccessBlockCommand({ Bucket: bucket, PublicAccessBlockConfiguration: BLOCKED }));
}

/**
 * A setting that is tried on a scratch bucket before it is switched on, or where it is on already. Not on AWS, which says
 * what it does.
 */
function probed(
  { endpoint, probe }: S3BucketOptions,
  setting: Setting & { readonly make: NonNullable<Setting['make']> },
  prepare: (scratchBucket: string) => Promise<unknown>,
): Setting {
  if (endpoint === undefined) return setting;
  const explained = (findings: readonly string[]): string => `with it this engine fails: ${findings.join('; ')}`;
  return {
    ...setting,
    condition: 'if conditional writes work with it on a scratch bucket',
    make: async () => {
      let state: SettingResult | undefined;
      const findings = await probe(async (scratch) => {
        // An engine that does not know the setting has nothing to be tried.
        try {
          await prepare(scratch);
        } catch (error) {
          if (!s3Service(endpoint).isUnsupported(error)) throw error;
          state = UNSUPPORTED;
        }
      });
      if (state !== undefined) return state;
      return findings.length === 0 ? setting.make() : { state: 'left-off', reason: explained(findings) };
    },
    examine: async () => {
      const findings = await probe(prepare);
      return findings.length === 0 ? { state: 'found' } : { state: 'unsafe', reason: explained(findings) };
    },
  };
}

const BLOCKED = {
  BlockPublicAcls: true,
  BlockPublicPolicy: true,
  IgnorePublicAcls: true,
  RestrictPublicBuckets: true,
};

const EXPIRY_RULE: LifecycleRule = {
  ID: 'javumbo-expire-old-versions',
  Status: 'Enabled',
  Filter: { Prefix: '' },
  NoncurrentVersionExpiration: { NoncurrentDays: EXPIRY_DAYS },
  AbortIncompleteMultipartUpload: { DaysAfterInitiation: EXPIRY_DAYS },
};

async function lifecycleRules(client: S3Client, bucket: string): Promise<LifecycleRule[]> {
  try {
    const { Rules = [] } = await client.send(new GetBucketLifecycleConfigurationCommand({ Bucket: bucket }));
    return Rules;
  } catch (error) {
    if (nameOf(error) === 'NoSuchLifecycleConfiguration') return [];
    throw error;
  }
}

function expiresOldVersions({ Status, NoncurrentVersionExpiration }: LifecycleRule): boolean {
  return Status === 'Enabled' && NoncurrentVersionExpiration?.NoncurrentDays !== undefined;
}
