import {
  type BucketLocationConstraint,
  CreateBucketCommand,
  GetBucketEncryptionCommand,
  GetBucketVersioningCommand,
  GetPublicAccessBlockCommand,
  HeadBucketCommand,
  ListObjectsV2Command,
  PutBucketEncryptionCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketVersioningCommand,
  PutPublicAccessBlockCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { asAwsFailure, errorNameOf, statusOf } from '../aws/errors.ts';
import { namedErrorOfHead } from '../aws/refusals.ts';
import { JavumboError } from '../core/failure.ts';
import { isRetryable } from '../core/retry.ts';
import { type IsOn, type Resource, type ResourceSetting, type Service, settingOf, unsupported } from './provision.ts';
import { EXPIRY_DAYS, EXPIRY_RULE, expiryIsOn, lifecycleOf } from './s3-lifecycle.ts';

export interface S3BucketOptions {
  readonly bucket: string;
  readonly region: string;
  /** Set for any engine but AWS. */
  readonly endpoint: string | undefined;
  /** Tries a scratch bucket on which `prepare` has set something. */
  readonly probe: (prepare: (scratchBucket: string) => Promise<unknown>) => Promise<ScratchProbe>;
}

export interface ScratchProbe {
  /** What fails with the setting; empty if nothing does. */
  readonly broken: readonly string[];
  /** That the scratch bucket could not be removed. */
  readonly left?: string | undefined;
}

/**
 * The bucket of the user databases: versioned, encrypted, not public, and with expiry of old versions. The client may
 * retry, since every request here is idempotent.
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
        const list = (): Promise<unknown> => client.send(new ListObjectsV2Command({ Bucket, MaxKeys: 1 }));
        throw service.failure(await namedErrorOfHead(error, list), `look for ${subject}`);
      }
    },
    make: async () => {
      try {
        await createBucket(client, bucket, region, endpoint);
        return true;
      } catch (error) {
        if (errorNameOf(error) === 'BucketAlreadyOwnedByYou') return false;
        if (errorNameOf(error) === 'InvalidBucketName') {
          throw new JavumboError('usage', `no bucket can be called "${bucket}" at ${endpoint ?? 'AWS'}`, {
            try: '--bucket with 3 to 63 lower-case letters, digits and hyphens',
            cause: error,
          });
        }
        if (errorNameOf(error) !== 'BucketAlreadyExists') throw service.failure(error, `make ${subject}`);
        throw new JavumboError('conflict', `${subject} belongs to somebody else`, {
          try: 'another --bucket',
          cause: error,
        });
      }
    },
    settings: [
      // On some engines versioning breaks conditional writes, and blocking public access forbids all writes: Ceph 16
      // does both.
      probed(
        options,
        setting(
          'versioning',
          async () => {
            const { Status } = await client.send(new GetBucketVersioningCommand({ Bucket }));
            return Status === 'Suspended' ? 'it is suspended' : Status === 'Enabled';
          },
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
        async () => expiryIsOn((await lifecycleOf(client, bucket)).rules),
        async () => {
          // All rules are replaced at once, so the existing ones are sent along.
          const { rules, ...others } = await lifecycleOf(client, bucket);
          await client.send(
            new PutBucketLifecycleConfigurationCommand({
              Bucket,
              LifecycleConfiguration: { Rules: [...rules, EXPIRY_RULE] },
              ...others,
            }),
          );
        },
      ),
    ],
  };
}

// From engines other than AWS: they support the operation but not these arguments (Ceph 16 encrypts only with KMS), or
// take every PUT on a bucket for its creation (s3rver).
const NOT_UNDERSTOOD = new Set([
  'InvalidArgument',
  'InvalidRequest',
  'MalformedXML',
  'NotImplemented',
  'BucketAlreadyExists',
  'BucketAlreadyOwnedByYou',
]);

function s3Service(endpoint: string | undefined): Service {
  return {
    isUnsupported: (error) =>
      statusOf(error) === 501 ||
      statusOf(error) === 405 ||
      (endpoint !== undefined && NOT_UNDERSTOOD.has(errorNameOf(error))),
    mayIgnore: endpoint !== undefined,
    failure: (error, what) =>
      asAwsFailure(error, { what, where: endpoint ?? 'AWS', username: undefined, rights: 'set up the bucket' }),
  };
}

/** S3 answers with that error if nothing was ever set. */
function unlessAbsent(error: string, isOn: IsOn): IsOn {
  return async () => {
    try {
      return await isOn();
    } catch (thrown) {
      if (errorNameOf(thrown) === error) return false;
      throw thrown;
    }
  };
}

/** Creates a bucket. AWS needs every region but us-east-1 named; other engines may know none. */
export async function createBucket(
  client: S3Client,
  bucket: string,
  region: string,
  endpoint: string | undefined,
): Promise<void> {
  const CreateBucketConfiguration = { LocationConstraint: region as BucketLocationConstraint };
  const named = (): Promise<unknown> =>
    client.send(new CreateBucketCommand({ Bucket: bucket, CreateBucketConfiguration }));
  if (endpoint === undefined && region !== 'us-east-1') {
    await named();
    return;
  }
  try {
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
  } catch (error) {
    if (errorNameOf(error) !== 'IllegalLocationConstraintException') throw error;
    await named();
  }
}

async function enableVersioning(client: S3Client, bucket: string): Promise<void> {
  await client.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status: 'Enabled' } }));
}

async function blockPublicAccess(client: S3Client, bucket: string): Promise<void> {
  await client.send(new PutPublicAccessBlockCommand({ Bucket: bucket, PublicAccessBlockConfiguration: BLOCKED }));
}

/** Tries a setting on a scratch bucket before switching it on, or if it is on. Not on AWS, which is known. */
function probed(
  { endpoint, probe }: S3BucketOptions,
  setting: ResourceSetting & { readonly make: NonNullable<ResourceSetting['make']> },
  prepare: (scratchBucket: string) => Promise<unknown>,
): ResourceSetting {
  if (endpoint === undefined) return setting;
  const reasonOf = ({ broken, left }: ScratchProbe): string | undefined => {
    const fails = broken.length === 0 ? [] : [`with it this engine fails: ${broken.join('; ')}`];
    const all = left === undefined ? fails : [...fails, left];
    return all.length === 0 ? undefined : all.join('; ');
  };
  return {
    ...setting,
    condition: 'if conditional writes work with it on a scratch bucket',
    make: async () => {
      let found: ScratchProbe;
      try {
        found = await probe(prepare);
      } catch (error) {
        if (s3Service(endpoint).isUnsupported(error)) return unsupported(error);
        const failure = s3Service(endpoint).failure(error, `try ${setting.name} on a scratch bucket`);
        // An unreachable engine says nothing; one that refuses a scratch bucket leaves the question open.
        if (isRetryable(failure)) throw failure;
        return { state: 'left-off', reason: `it could not be tried: ${failure.message}` };
      }
      const reason = reasonOf(found);
      if (found.broken.length > 0) return { state: 'left-off', reason };
      const made = await setting.make();
      return reason === undefined ? made : { ...made, reason };
    },
    examine: async () => {
      const found = await probe(prepare);
      return { state: found.broken.length === 0 ? 'found' : 'unsafe', reason: reasonOf(found) };
    },
  };
}

const BLOCKED = {
  BlockPublicAcls: true,
  BlockPublicPolicy: true,
  IgnorePublicAcls: true,
  RestrictPublicBuckets: true,
};
