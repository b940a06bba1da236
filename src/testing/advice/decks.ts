import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import type { Advice } from './advice.ts';

const CREATE = 'db create alice';
const EXPORT = 'db export alice --out {dir}/a.apkg';

/** Packages of Anki's. */
export const DECK_ADVICE: readonly Advice[] = [
  {
    situation: 'a deck to export that is not there',
    given: [CREATE],
    run: `${EXPORT} --deck Nowhere`,
    try: 'without --deck, which exports all decks',
    helps: [EXPORT],
  },
  {
    situation: 'a part of a collection as a whole one',
    given: [CREATE],
    run: 'db export alice --out {dir}/a.colpkg --deck Default',
    try: '--out with a name that ends in .apkg',
    helps: [`${EXPORT} --deck Default`],
  },
  {
    situation: 'a package with a name that Anki does not know',
    given: [CREATE],
    run: 'db export alice --out {dir}/a.zip',
    try: '--out with a name that ends in .apkg',
    helps: [EXPORT],
  },
  {
    situation: 'media in what is no directory',
    given: [CREATE, (directory) => mkdirSync(join(directory, 'media'))],
    run: `${EXPORT} --media {dir}/nowhere`,
    try: 'another --media',
    helps: [`${EXPORT} --media {dir}/media`],
  },
  {
    situation: 'decks where a collection is asked for',
    given: [CREATE, EXPORT],
    run: 'db create bob --from {dir}/a.apkg',
    try: 'javumbo db create bob, then javumbo db import bob <file>',
    helps: ['db create bob', 'db import bob {dir}/a.apkg'],
  },
  {
    situation: 'a package that is a bomb',
    given: [
      CREATE,
      EXPORT,
      (directory) =>
        writeFileSync(join(directory, 'bomb.apkg'), zipSync({ 'collection.anki2': new Uint8Array(2_000_000) })),
    ],
    run: 'db import alice {dir}/bomb.apkg',
    try: 'a smaller package, of fewer decks',
    helps: ['db import alice {dir}/a.apkg'],
  },
];
