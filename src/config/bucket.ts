import { JavumboError } from '../core/failure.ts';
import { fallback, first, given, type Setting } from './setting.ts';
import type { TerraformOutputs } from './terraform.ts';

/** The flags that decide which deployment is meant. */
export interface DeploymentFlags {
  readonly deployment?: string | undefined;
  readonly bucket?: string | undefined;
  /** A directory, of which Terraform knows what it has made there. */
  readonly terraform?: string | undefined;
}

// What path style would turn into another path is no bucket's name. AWS also takes the ARN of an access point.
const BUCKET = /^(?!\.+$)[A-Za-z0-9._-]{1,255}$|^arn:[\x21-\x7e]+$/;

/** The bucket, if any. Throws `usage` for an empty name, and for what no bucket can be called. */
export function resolveBucket(
  flags: DeploymentFlags,
  env: NodeJS.ProcessEnv,
  terraform: TerraformOutputs,
): Setting<string | undefined> {
  const bucket = first<string | undefined>(
    given('flag', '--bucket', flags.bucket),
    given('environment', 'S3_BUCKET', env.S3_BUCKET),
    given('terraform', 's3_bucket_name', terraform.s3_bucket_name),
    fallback(undefined),
  );
  if (bucket.value === '') {
    throw new JavumboError('usage', `${bucket.name} is set but empty`, {
      try: `a bucket's name in ${bucket.name}, or unset it for the local deployment`,
    });
  }
  if (bucket.value !== undefined && !BUCKET.test(bucket.value)) {
    throw new JavumboError('usage', `${bucket.name} is not the name of a bucket: ${JSON.stringify(bucket.value)}`, {
      try: 'letters, digits, hyphens and dots',
    });
  }
  return bucket;
}

/** Which kind of deployment is meant: AWS, where anything names a bucket. Throws `usage` for a contradiction. */
export function resolveDeployment(
  flags: DeploymentFlags,
  bucket: Setting<string | undefined>,
): Setting<'local' | 'aws'> {
  const wanted = flags.deployment;
  if (wanted === undefined) {
    return bucket.value === undefined
      ? { value: 'local', source: 'default' }
      : { value: 'aws', source: bucket.source, name: bucket.name };
  }
  if (wanted !== 'local' && wanted !== 'aws') {
    throw new JavumboError('usage', `--deployment is local or aws, not ${JSON.stringify(wanted)}`, {
      try: '--deployment local',
    });
  }
  if (wanted === 'aws' && bucket.value === undefined) {
    throw new JavumboError('usage', '--deployment aws needs a bucket', { try: '--bucket <name>, or export S3_BUCKET' });
  }
  refuseLocalWithPartsOfAws(flags);
  return { value: wanted, source: 'flag', name: '--deployment' };
}

/** Throws `usage` where the local deployment is asked for together with what names another one. */
export function refuseLocalWithPartsOfAws({ deployment, bucket, terraform }: DeploymentFlags): void {
  if (deployment !== 'local') return;
  if (bucket !== undefined) {
    throw new JavumboError('usage', '--deployment local has no bucket, and --bucket names one', {
      try: 'one of the two',
    });
  }
  if (terraform !== undefined) {
    throw new JavumboError('usage', '--deployment local is not made by Terraform, and --terraform names one that is', {
      try: 'one of the two',
    });
  }
}
