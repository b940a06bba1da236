import { checkWriteConditions } from './conditions.ts';
import { S3Error, s3Error } from './error.ts';
import { listObjects, listVersions } from './listing.ts';
import type { Bucket } from './objects.ts';
import { emptyReply, type S3Call, type S3Reply, xmlReply } from './reply.ts';
import { childText, element, parseXml, textElement, type XmlElement, xmlDocument } from './xml.ts';

/** The most keys that S3 accepts in one DeleteObjects. */
const DELETES_PER_REQUEST_MAX = 1000;

/** The operations on buckets and on the keys in them. */
export const BUCKET_OPERATIONS = {
  CreateBucket: createBucket,
  DeleteBucket: deleteBucket,
  DeleteObjects: deleteObjects,
  GetBucketVersioning: getBucketVersioning,
  HeadBucket: headBucket,
  ListBuckets: listBuckets,
  ListObjectVersions: listObjectVersions,
  ListObjectsV2: listObjectsV2,
  PutBucketVersioning: putBucketVersioning,
};

function createBucket({ state, request }: S3Call): S3Reply {
  const name = request.bucket;
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name)) {
    throw s3Error('InvalidBucketName', 'The specified bucket is not valid.');
  }
  if (!state.buckets.has(name)) state.buckets.create(name);
  return emptyReply(200, { location: `/${name}` });
}

function headBucket({ state, request }: S3Call): S3Reply {
  state.buckets.get(request.bucket);
  return emptyReply(200);
}

function deleteBucket({ state, request }: S3Call): S3Reply {
  state.buckets.delete(request.bucket);
  return emptyReply(204);
}

function listBuckets({ state }: S3Call): S3Reply {
  const buckets = state.buckets
    .all()
    .map(({ name, createdAt }) =>
      element('Bucket', textElement('Name', name), textElement('CreationDate', new Date(createdAt).toISOString())),
    );
  const owner = element('Owner', textElement('ID', 'owner'));
  return xmlReply(xmlDocument('ListAllMyBucketsResult', owner, element('Buckets', ...buckets)));
}

function getBucketVersioning({ state, request }: S3Call): S3Reply {
  const { versioning } = state.buckets.get(request.bucket);
  return xmlReply(xmlDocument('VersioningConfiguration', textElement('Status', versioning)));
}

function putBucketVersioning({ state, request, body }: S3Call): S3Reply {
  const bucket = state.buckets.get(request.bucket);
  const status = childText(parseXml(body.bytes.toString()), 'Status');
  if (status !== 'Enabled' && status !== 'Suspended') {
    throw s3Error('IllegalVersioningConfigurationException', 'The versioning configuration is invalid');
  }
  bucket.versioning = status;
  return emptyReply(200);
}

function deleteObjects(call: S3Call): S3Reply {
  const bucket = call.state.buckets.get(call.request.bucket);
  const document = parseXml(call.body.bytes.toString());
  const objects = document.children.filter((child) => child.name === 'Object');
  if (objects.length === 0 || objects.length > DELETES_PER_REQUEST_MAX) {
    throw s3Error('MalformedXML', 'The XML you provided did not validate against our published schema');
  }
  const quiet = childText(document, 'Quiet') === 'true';
  const results = objects.map((object) => deleteOne(call, bucket, object, quiet));
  return xmlReply(xmlDocument('DeleteResult', ...results));
}

function deleteOne({ state, ignoreConditions }: S3Call, bucket: Bucket, object: XmlElement, quiet: boolean): string {
  const key = childText(object, 'Key') ?? '';
  const versionId = childText(object, 'VersionId');
  const named = [textElement('Key', key), textElement('VersionId', versionId)];
  try {
    const refusal = state.refuseDelete(key);
    if (refusal !== undefined) throw s3Error(refusal, 'Refused for this key');
    const conditions = { ifMatch: childText(object, 'ETag'), ifNoneMatch: undefined };
    if (!ignoreConditions) checkWriteConditions(bucket.current(key), conditions, state.rules);
  } catch (error) {
    if (!(error instanceof S3Error)) throw error;
    return element('Error', ...named, textElement('Code', error.code), textElement('Message', error.message));
  }
  const deleted = bucket.delete(key, versionId);
  if (quiet) return '';
  const marker = deleted.deleteMarker
    ? [textElement('DeleteMarker', true), textElement('DeleteMarkerVersionId', deleted.versionId)]
    : [];
  return element('Deleted', ...named, ...marker);
}

function listObjectsV2({ state, request }: S3Call): S3Reply {
  const bucket = state.buckets.get(request.bucket);
  const parameter = (name: string) => request.query.get(name) ?? undefined;
  const prefix = parameter('prefix') ?? '';
  const page = listObjects(bucket, {
    prefix,
    delimiter: parameter('delimiter'),
    maxKeys: parameter('max-keys'),
    token: parameter('continuation-token'),
    startAfter: parameter('start-after'),
  });
  const encodingType = parameter('encoding-type');
  const name = nameEncoder(encodingType);
  const document = xmlDocument(
    'ListBucketResult',
    textElement('Name', bucket.name),
    textElement('Prefix', name(prefix)),
    textElement('Delimiter', name(parameter('delimiter'))),
    textElement('StartAfter', name(parameter('start-after'))),
    textElement('EncodingType', encodingType),
    textElement('ContinuationToken', parameter('continuation-token')),
    textElement('NextContinuationToken', page.nextToken),
    textElement('KeyCount', page.objects.length + page.commonPrefixes.length),
    textElement('MaxKeys', page.maxKeys),
    textElement('IsTruncated', page.nextToken !== undefined),
    ...page.objects.map(({ key, lastModified, etag, body }) =>
      element(
        'Contents',
        textElement('Key', name(key)),
        textElement('LastModified', new Date(lastModified).toISOString()),
        textElement('ETag', `"${etag}"`),
        textElement('Size', body.length),
        textElement('StorageClass', 'STANDARD'),
      ),
    ),
    ...page.commonPrefixes.map((each) => element('CommonPrefixes', textElement('Prefix', name(each)))),
  );
  return xmlReply(document);
}

function listObjectVersions({ state, request }: S3Call): S3Reply {
  const bucket = state.buckets.get(request.bucket);
  const parameter = (name: string) => request.query.get(name) ?? undefined;
  if (parameter('delimiter')) throw s3Error('NotImplemented', 'This test server lists versions without a delimiter');
  const query = {
    prefix: parameter('prefix') ?? '',
    maxKeys: parameter('max-keys'),
    keyMarker: parameter('key-marker'),
    versionIdMarker: parameter('version-id-marker'),
  };
  const page = listVersions(bucket, query);
  const encodingType = parameter('encoding-type');
  const name = nameEncoder(encodingType);
  const document = xmlDocument(
    'ListVersionsResult',
    textElement('Name', bucket.name),
    textElement('Prefix', name(query.prefix)),
    textElement('KeyMarker', name(query.keyMarker)),
    textElement('VersionIdMarker', query.versionIdMarker),
    textElement('NextKeyMarker', name(page.next?.key)),
    textElement('NextVersionIdMarker', page.next?.versionId),
    textElement('MaxKeys', page.maxKeys),
    textElement('EncodingType', encodingType),
    textElement('IsTruncated', page.next !== undefined),
    ...page.versions.map((version) =>
      element(
        version.deleteMarker ? 'DeleteMarker' : 'Version',
        textElement('Key', name(version.key)),
        textElement('VersionId', version.versionId),
        textElement('IsLatest', version.isLatest),
        textElement('LastModified', new Date(version.lastModified).toISOString()),
        ...(version.deleteMarker
          ? []
          : [textElement('ETag', `"${version.etag}"`), textElement('Size', version.body.length)]),
      ),
    ),
  );
  return xmlReply(document);
}

/** Returns how a listing writes names: as they are, or URL-encoded, with `/` kept and `+` for a space. */
function nameEncoder(encodingType: string | undefined): (name: string | undefined) => string | undefined {
  if (encodingType !== 'url') return (name) => name;
  return (name) =>
    name === undefined ? undefined : encodeURIComponent(name).replaceAll('%2F', '/').replaceAll('%20', '+');
}
