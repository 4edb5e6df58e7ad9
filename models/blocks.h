/* One block of coefficients after another: what the bits say, held against what ITU-T T.81 allows them to say, and
 * against what samples of 8 bits can be. */
#ifndef CATALOGD_BLOCKS_H
#define CATALOGD_BLOCKS_H

#include <math.h>

#include "huffman.h"

/* In the order of models/jpeg_walk.py. */
enum Fault {
    SOUND, CODE, INDEX, SHORT, LONG, RESTART, EOBRUN, HEADER, TABLES, SCRIPT,
    RANGE, CONTRAST, OVERSHOOT, WASTE, PADDING, UNREFINED, KINDS
};

typedef float Four __attribute__((vector_size(16)));
typedef int32_t Mask __attribute__((vector_size(16)));

typedef struct {
    int id, h, v, tq, wide, high; /* sampling factors; blocks that the picture covers */
    int stride, rows;             /* blocks stored, up to whole MCUs */
    int16_t *dc;                  /* [rows][stride], quantised, without prediction */
    Four *edges;                  /* mean of the top, bottom, left and right row of samples, in eighths from grey */
    int16_t (*kept)[64];          /* progressive: all coefficients, in zigzag order */
    uint64_t *filled;             /* progressive: bit k: coefficient k is not zero */
    int32_t q[64];                /* in zigzag order, latched by the first scan of the component */
    float scale[64];              /* q, as the sums want it */
    Four edge[64];                /* what one unit of a coefficient adds to each edge */
    float noise;                  /* as far as quantisation moves a block at most: sqrt(sum of (Q / 2)^2) */
    int latched;
    int8_t depth[64];             /* Al of the last scan of each coefficient, -1 before the first */
    const Table *dc_table, *ac_table;
    int predicted;
} Component;

/* The AC coefficients of one block, as they came. */
typedef struct {
    int count;
    uint8_t place[64];
    float value[64]; /* dequantised */
    float energy;
    Four edges;
} Block;

static inline void empty(Block *block)
{
    block->count = 0, block->energy = 0, block->edges = (Four){0, 0, 0, 0};
}

static inline void add(Block *block, const Component *c, int k, int value)
{
    float quantised = (float)value, size = quantised * c->scale[k];
    block->place[block->count] = (uint8_t)k;
    block->value[block->count++] = size;
    block->energy += size * size;
    block->edges += c->edge[k] * quantised;
}

/* Sequential: F.2.2.1 and F.2.2.2. */
static inline enum Fault dc_difference(Bits *b, const Table *table, int *difference)
{
    Symbol s = peek(b, table);
    *difference = 0;
    if (!s.bits)
        return CODE;
    if (s.size)
        *difference = value(b, s);
    drop(b, s.bits);
    return SOUND;
}

static inline enum Fault ac_sequential(Bits *b, const Component *c, Block *block)
{
    const Table *table = c->ac_table;
    Four edges = {0, 0, 0, 0};
    float energy = 0;
    int count = 0, zeros = 0;
    for (int k = 1; k < 64; k++) {
        Symbol s = peek(b, table);
        k += s.run;
        if (s.size) {
            if (k > 63)
                return INDEX;
            float quantised = (float)value(b, s), size = quantised * c->scale[k]; /* add(), in registers */
            drop(b, s.bits);
            block->place[count] = (uint8_t)k;
            block->value[count++] = size;
            energy += size * size;
            edges += c->edge[k] * quantised;
            zeros = 0;
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
        zeros = 1;
    }
    block->count = count, block->energy = energy, block->edges = edges;
    return zeros ? WASTE : SOUND; /* sixteen zeros, and then nothing: EOB alone says the same */
}

static inline int eob_run(Bits *b, Symbol s) /* the blocks that end here, this one first: G.1.2.2 */
{
    drop(b, s.bits);
    return s.run ? (1 << s.run) + (int)take(b, s.run) : 1;
}

/* Progressive, first scan of a band: G.1.2.2. */
static inline enum Fault ac_first(Bits *b, const Component *c, size_t at, const int band[4], int *eobrun)
{
    for (int k = band[0]; k <= band[1]; k++) {
        Symbol s = peek(b, c->ac_table);
        if (!s.bits)
            return CODE;
        if (!s.size && s.run < 15) {
            *eobrun = eob_run(b, s);
            break;
        }
        k += s.run;
        if (k > band[1])
            return INDEX;
        if (s.size) {
            c->kept[at][k] = (int16_t)(value(b, s) * (1 << band[2]));
            c->filled[at] |= (uint64_t)1 << k;
        }
        drop(b, s.bits);
    }
    return SOUND;
}

static inline void correct(Bits *b, int16_t *coefficient, int bit)
{
    if (take(b, 1))
        *coefficient = (int16_t)(*coefficient + (*coefficient < 0 ? -bit : bit));
}

/* Progressive, a band refined by one bit: G.1.2.3. */
static inline enum Fault ac_refine(Bits *b, const Component *c, size_t at, const int band[4], int *eobrun)
{
    int k = band[0], bit = 1 << band[2];
    uint64_t old = c->filled[at];
    int16_t *kept = c->kept[at];
    while (k <= band[1] && !*eobrun) {
        Symbol s = peek(b, c->ac_table);
        int fresh = 0;
        if (!s.bits || s.size > 1)
            return CODE;
        if (!s.size && s.run < 15) {
            *eobrun = eob_run(b, s);
            break;
        }
        if (s.size)
            fresh = value(b, s) < 0 ? -bit : bit;
        drop(b, s.bits);
        for (int zeros = s.run; k <= band[1]; k++)
            if (old >> k & 1)
                correct(b, &kept[k], bit);
            else if (zeros-- == 0)
                break;
        if (k > band[1])
            return INDEX;
        if (fresh) {
            kept[k] = (int16_t)fresh;
            c->filled[at] |= (uint64_t)1 << k;
        }
        k++;
    }
    uint64_t rest = k <= band[1] ? old >> k << k & ~(uint64_t)0 >> (63 - band[1]) : 0;
    for (; rest; rest &= rest - 1)
        correct(b, &kept[__builtin_ctzll(rest)], bit);
    return SOUND;
}

/* Squared distance from the block to the nearest one whose samples all lie in 0..255, or up to `ceiling` above. */
static float outside(const Block *block, float level, float ceiling, const Four basis[64][16])
{
    Four samples[16], sum = {0, 0, 0, 0};
    for (int i = 0; i < 16; i++)
        samples[i] = (Four){level, level, level, level};
    for (int n = 0; n < block->count; n++)
        for (int i = 0; i < 16; i++)
            samples[i] += basis[block->place[n]][i] * block->value[n];
    const Four high = {127 + ceiling, 127 + ceiling, 127 + ceiling, 127 + ceiling}, low = {-128, -128, -128, -128};
    for (int i = 0; i < 16; i++) {
        Four above = samples[i] - high, below = low - samples[i];
        above = (Four)((Mask)above & (above > 0)), below = (Four)((Mask)below & (below > 0));
        sum += above * above + below * below;
    }
    return sum[0] + sum[1] + sum[2] + sum[3];
}

/* An encoder transforms samples within 0..255 and rounds each coefficient by Q/2 at most, so that the decoded block is
 * no farther than `noise` from one within the range (projection onto a convex set brings no two points farther apart);
 * no clean file comes to three quarters of it. mozjpeg alone overshoots white, by up to 31, and on purpose. */
static inline enum Fault plausible(const Block *block, const Component *c, int dc, const Four basis[64][16])
{
    float level = (float)dc * c->scale[0] / 8, slack = c->scale[0] / 16 + 0.5f, least = c->noise * 0.75f;
    if (level > 127 + slack || level < -128 - slack)
        return RANGE;
    if (block->energy <= least * least)
        return SOUND;
    float margin = level > 0 ? 127 - level : 128 + level, spread = 0.0579f * (float)block->count;
    /* No sample deviates by more than sqrt(spread E) from the mean, and beyond the margin they hold less than ... */
    float most = sqrtf(block->energy), peak = spread < 1 ? most * sqrtf(spread) : most;
    if (margin > 0 && most * (peak - margin) <= least * peak)
        return SOUND;
    if (outside(block, level, 0, basis) <= least * least)
        return SOUND;
    return outside(block, level, 32, basis) > least * least ? CONTRAST : OVERSHOOT;
}

#endif
