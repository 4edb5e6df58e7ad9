/* One block of coefficients after another: what the bits say, held against what ITU-T T.81 allows them to say. */
#ifndef CATALOGD_BLOCKS_H
#define CATALOGD_BLOCKS_H

#include "huffman.h"

/* In the order of models/jpeg_walk.py. */
enum Fault {
    SOUND, CODE, INDEX, SHORT, LONG, RESTART, EOBRUN, HEADER, TABLES, SCRIPT, RANGE, CONTRAST, PADDING, UNREFINED, KINDS
};

typedef struct {
    int id, h, v, tq, wide, high; /* sampling factors; blocks that the picture covers */
    int stride, rows;             /* blocks stored, up to whole MCUs */
    int16_t *dc;                  /* [rows][stride], quantised, without prediction */
    float *energy;                /* progressive: as from ac_first(), summed over the scans */
    uint64_t *filled;             /* progressive: bit k: coefficient k of the block is not zero */
    int32_t q[64];                /* in zigzag order, latched by the first scan of the component */
    int latched;
    int8_t depth[64];             /* progressive: Al of the last scan of each coefficient, -1 before the first */
    const Table *dc_table, *ac_table;
    int predicted;
} Component;

/* A coefficient of quantised magnitude m stands for one of (m - 1/2) Q at least. Energies sum 4 times its square, so
 * that all stay integers; Q has 16 bits and m 11, so that 64 squares fit well into 64 bits. */
static inline uint64_t least_energy(uint32_t magnitude, int32_t q)
{
    uint64_t doubled = (2 * (uint64_t)magnitude - 1) * (uint64_t)q;
    return doubled * doubled;
}

/* Sequential: F.2.2.1 and F.2.2.2. */
static inline enum Fault dc_difference(Bits *b, const Table *table, int *difference)
{
    Symbol s = peek(b, table);
    *difference = 0;
    if (!s.bits)
        return CODE;
    if (s.size)
        *difference = negative(b, s) ? -(int)magnitude(b, s) : (int)magnitude(b, s);
    drop(b, s.bits);
    return SOUND;
}

static inline enum Fault ac_sequential(Bits *b, const Table *table, const int32_t *q, uint64_t *energy)
{
    uint64_t sum = 0;
    for (int k = 1; k < 64; k++) {
        Symbol s = peek(b, table);
        k += s.run;
        if (s.size) {
            if (k > 63)
                return INDEX;
            sum += least_energy(magnitude(b, s), q[k]);
            drop(b, s.bits);
            continue;
        }
        if (!s.bits)
            return CODE;
        drop(b, s.bits);
        if (!s.run)
            break; /* EOB */
        if (s.run < 15)
            return CODE;
        if (k > 63)
            return INDEX;
    }
    *energy = sum;
    return SOUND;
}

/* Progressive, first scan of a band: G.1.2.2. `eobrun` blocks after this one hold nothing more. */
static inline enum Fault ac_first(Bits *b, const Table *table, const Component *c, const int *band, size_t at, int *eobrun)
{
    int se = band[1], al = band[2];
    uint64_t sum = 0;
    for (int k = band[0]; k <= se; k++) {
        Symbol s = peek(b, table);
        if (!s.bits)
            return CODE;
        if (!s.size && s.run < 15) {
            drop(b, s.bits);
            *eobrun = s.run ? (1 << s.run) + (int)take(b, s.run) : 1;
            break;
        }
        k += s.run;
        if (k > se)
            return INDEX;
        if (s.size) {
            sum += least_energy(magnitude(b, s) << al, c->q[k]);
            c->filled[at] |= (uint64_t)1 << k;
        }
        drop(b, s.bits);
    }
    c->energy[at] += (float)sum;
    return SOUND;
}

static inline void corrections(Bits *b, int bits) /* one for each coefficient that was not zero before: G.1.2.3 */
{
    for (; bits > 16; bits -= 16)
        take(b, 16);
    if (bits)
        take(b, bits);
}

static inline uint64_t places(int from, int past)
{
    return past > from ? (~(uint64_t)0 >> (64 - (past - from))) << from : 0;
}

/* Progressive, a band refined by one bit: G.1.2.3. */
static inline enum Fault ac_refine(Bits *b, const Table *table, const Component *c, const int *band, size_t at, int *eobrun)
{
    int k = band[0], se = band[1], al = band[2];
    uint64_t old = c->filled[at], sum = 0;
    while (k <= se && !*eobrun) {
        Symbol s = peek(b, table);
        if (!s.bits || s.size > 1)
            return CODE;
        if (!s.size && s.run < 15) {
            drop(b, s.bits);
            *eobrun = s.run ? (1 << s.run) + (int)take(b, s.run) : 1;
            break;
        }
        drop(b, s.bits); /* the sign goes with it */
        int from = k;
        for (int zeros = s.run; k <= se; k++)
            if (!(old >> k & 1) && zeros-- == 0)
                break;
        corrections(b, __builtin_popcountll(old & places(from, k)));
        if (k > se)
            return INDEX;
        if (s.size) {
            sum += least_energy(1u << al, c->q[k]);
            c->filled[at] |= (uint64_t)1 << k;
        }
        k++;
    }
    if (k <= se)
        corrections(b, __builtin_popcountll(old & places(k, se + 1)));
    c->energy[at] += (float)sum;
    return SOUND;
}

/* No 8-bit samples have this mean and this contrast together: of samples in [low, high] with mean m the variance is
 * at most (high - m)(m - low) (Bhatia and Davis 2000), and the transform keeps energy (Parseval). All in eighths of a
 * sample. The slack is for rounding, and above for mozjpeg, which overshoots white by up to 31 on purpose. */
enum { SLACK_ABOVE = 8 * 40, SLACK_BELOW = 8 * 10 };

static inline enum Fault plausible(int dc, int32_t q, double energy)
{
    int64_t level = (int64_t)dc * q, nearest = q / 2;
    level = level > nearest ? level - nearest : level < -nearest ? level + nearest : 0;
    int64_t above = 1016 + SLACK_ABOVE - level, below = level + 1024 + SLACK_BELOW;
    if (above < 0 || below < 0)
        return RANGE;
    return energy > 4.0 * (double)above * (double)below ? CONTRAST : SOUND;
}

#endif
