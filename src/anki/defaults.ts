import type { Random } from '../core/random.ts';

/*
 * The JSON values of the one `col` row, as Anki writes them into a new collection. Keys and default values are facts of
 * the format: rslib/src/{config,notetype,decks,deckconfig}/schema11.rs and rslib/src/notetype/stock.rs.
 */

const CARD_CSS = `.card {
    font-family: arial;
    font-size: 20px;
    text-align: center;
    color: black;
    background-color: white;
}
`;

const LATEX_PRE = `\\documentclass[12pt]{article}
\\special{papersize=3in,5in}
\\usepackage[utf8]{inputenc}
\\usepackage{amssymb,amsmath}
\\pagestyle{empty}
\\setlength{\\parindent}{0in}
\\begin{document}
`;

/** The collection's settings. The offset 0 matches `crt`, which is a day's start in UTC. */
export function defaultConf(noteTypeId: number): object {
  return {
    activeDecks: [1],
    curDeck: 1,
    newSpread: 0,
    collapseTime: 1200,
    timeLim: 0,
    estTimes: true,
    dueCounts: true,
    curModel: noteTypeId,
    nextPos: 1,
    sortType: 'noteFld',
    sortBackwards: false,
    addToCur: true,
    dayLearnFirst: false,
    schedVer: 2,
    creationOffset: 0,
    sched2021: true,
  };
}

/** Anki's Basic: two fields, one card. */
export function basicNoteType(id: number, modifiedSeconds: number, random: Random): object {
  // Anki uses this id to recognise a renamed field or template. 48 bits are exact as a JSON number everywhere.
  const partId = () => Number.parseInt(random.hex(6), 16);
  const field = (name: string, ord: number) => ({
    name,
    ord,
    sticky: false,
    rtl: false,
    font: 'Arial',
    size: 20,
    media: [],
    description: '',
    plainText: false,
    collapsed: false,
    excludeFromSearch: false,
    id: partId(),
    tag: null,
    preventDeletion: false,
  });
  return {
    id,
    name: 'Basic',
    type: 0,
    mod: modifiedSeconds,
    usn: -1,
    sortf: 0,
    // Unused since Anki 2.1.28, which writes null; older ones add cards to it and fail on null.
    did: 1,
    tmpls: [
      {
        name: 'Card 1',
        ord: 0,
        qfmt: '{{Front}}',
        afmt: '{{FrontSide}}\n\n<hr id=answer>\n\n{{Back}}',
        bqfmt: '',
        bafmt: '',
        did: null,
        bfont: '',
        bsize: 0,
        id: partId(),
      },
    ],
    flds: [field('Front', 0), field('Back', 1)],
    css: CARD_CSS,
    latexPre: LATEX_PRE,
    latexPost: '\\end{document}',
    latexsvg: false,
    req: [[0, 'any', [0]]],
    tags: [],
    vers: [],
  };
}

/** A normal deck with the default options. */
export function normalDeck(id: number, name: string, modifiedSeconds: number, usn: number): object {
  return {
    id,
    mod: modifiedSeconds,
    name,
    usn,
    lrnToday: [0, 0],
    revToday: [0, 0],
    newToday: [0, 0],
    timeToday: [0, 0],
    collapsed: true,
    browserCollapsed: true,
    desc: '',
    dyn: 0,
    conf: 1,
    extendNew: 0,
    extendRev: 0,
    reviewLimit: null,
    newLimit: null,
    reviewLimitToday: null,
    newLimitToday: null,
  };
}

/** The deck options with id 1, which cannot be deleted. */
export function defaultDeckOptions(): object {
  return {
    id: 1,
    mod: 0,
    name: 'Default',
    usn: 0,
    maxTaken: 60,
    autoplay: true,
    timer: 0,
    replayq: true,
    new: { bury: false, delays: [1, 10], initialFactor: 2500, ints: [1, 4, 0], order: 1, perDay: 20 },
    rev: { bury: false, ease4: 1.3, ivlFct: 1, maxIvl: 36500, perDay: 200, hardFactor: 1.2 },
    lapse: { delays: [10], leechAction: 1, leechFails: 8, minInt: 1, mult: 0 },
    dyn: false,
    newMix: 0,
    newPerDayMinimum: 0,
    interdayLearningMix: 0,
    reviewOrder: 0,
    newSortOrder: 0,
    newGatherPriority: 0,
    buryInterdayLearning: false,
    desiredRetention: 0.9,
  };
}
