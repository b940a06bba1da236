import { JavumboError } from '../../core/failure.ts';
import { isDirectory } from '../../core/make-directory.ts';

/** Returns the directory that --media names. Throws `usage` for what is none. */
export function directoryOf(media: string | undefined): string | undefined {
  if (media === undefined || isDirectory(media)) return media;
  throw new JavumboError('usage', `${media} is not a directory`, { try: 'another --media' });
}
