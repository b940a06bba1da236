import { JavumboError } from '../core/failure.ts';
import { fallback, first, given, type Setting } from './setting.ts';
import type { TerraformOutputs } from './terraform.ts';

/** The flags that select the deployment. */
export interface DeploymentFlags {
  readonly deployment?: string | undefined;
  readonly bucket?: string | undefined;
  /** A directory whose Terraform outputs name the deployment. */
  readonly terraform?: string | undefined;
}

// Refuses names that path style would turn into another path. AWS also takes an access point's ARN.
const BUCKET = /^(?!\.+$)[A-Za-z0-9._-]{1,255}$|^arn:[\x21-\x7e]+$/;

/** Returns the bucket, if any. Throws `usage` for an empty or invalid name. */
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

/** Returns the kind of deployment: AWS if anything names a bucket. Throws `usage` for a contradiction. */
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

/** Throws `usage` if the local deployment is combined with a flag that selects another. */
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
