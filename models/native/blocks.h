/* Decoding of blocks of coefficients, checked against ITU-T T.81 and against the range of 8-bit samples. */
#ifndef CATALOGD_BLOCKS_H
#define CATALOGD_BLOCKS_H

#include <math.h>

#include "huffman.h"

/* In the order of models/decode/jpeg/entropy.py. */
enum Fault {
    SOUND, CODE, INDEX, SHORT, LONG, RESTART, EOBRUN, HEADER, TABLES, SCRIPT,
    RANGE, CONTRAST, OVERSHOOT, WASTE, PADDING, UNREFINED, KINDS
};

typedef float Four __attribute__((vector_size(16)));
typedef int32_t Mask __attribute__((vector_size(16)));
typedef uint8_t Packed __attribute__((vector_size(4)));

typedef struct {
    int id, h, v, tq, blocks_wide, blocks_high; /* sampling factors; blocks that the image covers */
    int stride, rows;             /* stored blocks, up to whole MCUs */
    int16_t *dc;                  /* [rows][stride], quantised, prediction undone */
    Four *edges;                  /* mean of the samples at the top, bottom, left and right, in eighths from grey */
    int16_t (*coefficients)[64];          /* progressive: all coefficients, in zigzag order */
    uint64_t *nonzero;             /* progressive: bit k: coefficient k is not zero */
    int32_t q[64];                /* in zigzag order, set by the first scan of the component */
    float scale[64];              /* q as float */
    Four edge[64];                /* contribution of one unit of a coefficient to each edge */
    float noise;                  /* maximum error of a block by quantisation: sqrt(sum of (Q / 2)^2) */
    int latched;
    int8_t depth[64];             /* Al of the last scan of each coefficient, -1 before the first */
    const Table *dc_table;
    Table *ac_table;
    int predicted;
    uint8_t *samples;             /* of the shrunk image, [rows << log][stride << log]; null: not wanted */
    int log;                      /* log2 of the samples along each edge of a block */
} Component;

static const uint8_t natural[64] = {
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48,
    41, 34, 27, 20, 13, 6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23,
    30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

/* The AC coefficients of one block, in coded order. */
typedef struct {
    int count;
    uint8_t place[66];
    float value[66]; /* dequantised */
    float energy;
    Four edges;
} Block;

static inline void clear_block(Block *block)
{
    block->count = 0, block->energy = 0, block->edges = (Four){0, 0, 0, 0};
}

static inline void add_coefficient(Block *block, const Component *c, int k, int value)
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
    Symbol s = peek_symbol(b, table);
    *difference = 0;
    if (!s.bits)
        return CODE;
    if (s.size)
        *difference = coefficient_value(b, s);
    skip_bits(b, s.bits);
    return SOUND;
}

static inline enum Fault ac_sequential(Bits *bits, const Component *c, Block *block)
{
    const Table *table = c->ac_table;
    Bits local = *bits, *b = &local; /* stays in registers, since stores to the block cannot alias it */
    Four edges = {0, 0, 0, 0};
    float energy = 0;
    int count = 0, zeros = -1; /* `count` at the last run of 16 zeros */
    enum Fault fault = SOUND;
    for (int k = 0, ended = 0; k < 63 && !ended && !fault;) {
        int longer = 0;
        refill(b);
        for (int turn = 0; turn < 56 / PAIR_BITS && !ended && !longer; turn++) {
            Pair p = table->pair[b->buffer >> (64 - PAIR_BITS)];
            int one = k + p.step[0], two = one + p.step[1];
            longer = two > 62; /* past the end of the block, or at it without an EOB */
            if (longer)
                break;
            skip_bits(b, p.bits);
            float first = (float)p.first, second = (float)p.second;
            float size = first * c->scale[one], next = second * c->scale[two];
            block->place[count] = (uint8_t)one, block->place[count + 1] = (uint8_t)two;
            block->value[count] = size, block->value[count + 1] = next;
            count += p.count;
            energy += size * size; /* like add_coefficient(), in registers */
            energy += next * next;
            edges += c->edge[one] * first;
            edges += c->edge[two] * second;
            k = two, ended = p.end;
        }
        if (!longer)
            continue;
        Symbol s = peek_symbol(b, table);
        k += s.run + 1;
        if (!s.bits)
            fault = CODE;
        else if (k > 63 && s.size)
            fault = INDEX;
        if (s.size && !fault) {
            float quantised = (float)coefficient_value(b, s), size = quantised * c->scale[k];
            block->place[count] = (uint8_t)k;
            block->value[count++] = size;
            energy += size * size;
            edges += c->edge[k] * quantised;
        }
        if (!fault)
            skip_bits(b, s.bits);
        if (!s.size && !fault) {
            ended = !s.run; /* EOB */
            zeros = ended ? zeros : count;
            fault = ended ? SOUND : s.run < 15 ? CODE : k > 63 ? INDEX : SOUND;
        }
    }
    *bits = local;
    block->count = count, block->energy = energy, block->edges = edges;
    return fault ? fault : zeros == count ? WASTE : SOUND; /* 16 zeros, then EOB: EOB alone means the same */
}

/* Return the number of blocks that end here, including this one: G.1.2.2. */
static inline int eob_run(Bits *b, Symbol s)
{
    skip_bits(b, s.bits);
    return s.run ? (1 << s.run) + (int)read_bits(b, s.run) : 1;
}

/* Progressive, first scan of a band: G.1.2.2. */
static inline enum Fault ac_first(Bits *b, const Component *c, size_t at, const int band[4], int *eobrun)
{
    int16_t *coefficients = c->coefficients[at];
    uint64_t nonzero = 0;
    for (int k = band[0]; k <= band[1]; k++) {
        Symbol s = peek_symbol(b, c->ac_table);
        if (!s.bits)
            return CODE;
        if (!s.size && s.run < 15) {
            *eobrun = eob_run(b, s);
            break;
        }
        k += s.run;
        if (k > band[1])
            return INDEX;
        coefficients[k] = (int16_t)(s.size ? coefficient_value(b, s) * (1 << band[2]) : 0);
        nonzero |= (uint64_t)(s.size > 0) << k;
        skip_bits(b, s.bits);
    }
    c->nonzero[at] |= nonzero;
    return SOUND;
}

/* Read another bit of each nonzero coefficient in `places`. Without a branch, since half of the bits are set. */
static inline void refine_coefficients(Bits *b, int16_t coefficients[64], uint64_t places, int bit)
{
    for (; places; places &= places - 1) {
        int16_t *coefficient = &coefficients[__builtin_ctzll(places)];
        int sign = *coefficient >> 15, set = -(int)read_bits(b, 1);
        *coefficient = (int16_t)(*coefficient + (((bit ^ sign) - sign) & set));
    }
}

/* Progressive, refinement of a band by one bit: G.1.2.3. */
static inline enum Fault ac_refine(Bits *b, const Component *c, size_t at, const int band[4], int *eobrun)
{
    int bit = 1 << band[2];
    int16_t *coefficients = c->coefficients[at];
    uint64_t fresh = 0, rest = (~(uint64_t)0 >> (63 - band[1])) & (~(uint64_t)0 << band[0]); /* still to come */
    const uint64_t old = c->nonzero[at];
    while (rest && !*eobrun) {
        Symbol s = peek_symbol(b, c->ac_table);
        if (!s.bits || s.size > 1)
            return CODE;
        if (!s.size && s.run < 15) {
            *eobrun = eob_run(b, s);
            break;
        }
        int sign = s.size ? coefficient_value(b, s) : 0;
        skip_bits(b, s.bits);
        uint64_t zeros = rest & ~old;
        for (int run = s.run; run; run--)
            zeros &= zeros - 1;
        uint64_t place = zeros & -zeros, passed = place ? rest & (place - 1) : rest;
        refine_coefficients(b, coefficients, passed & old, bit);
        if (!place)
            return INDEX;
        if (sign) {
            coefficients[__builtin_ctzll(place)] = (int16_t)(sign * bit);
            fresh |= place;
        }
        rest &= ~(passed | place);
    }
    c->nonzero[at] |= fresh;
    refine_coefficients(b, coefficients, rest & old, bit);
    return SOUND;
}

/* The cosines of A.3.3, by frequency n: of samples 0..3 of a row, and of sample y in every lane. Those of samples 7..4
 * are the same, negated if n is odd. */
typedef struct {
    Four across[8], down[4][8];
} Basis;

/* Inverse transform of the AC coefficients plus `level` (A.3.3): of each row, samples 0..3 from the left, and 0..3 from
 * the right. */
static inline void transform(const Block *block, float level, const Basis *basis, Four left[8], Four right[8])
{
    const Four none = {0, 0, 0, 0};
    Four part[2][8], half[2][8]; /* rows of even and of odd frequencies; from the left and from the right */
    for (int v = 0; v < 8; v++)
        part[0][v] = part[1][v] = none; /* memset() would take longer than the sums */
    for (int n = 0; n < block->count; n++) {
        int v = natural[block->place[n]] >> 3, u = natural[block->place[n]] & 7;
        part[u & 1][v] += basis->across[u] * block->value[n];
    }
    for (int v = 0; v < 8; v++)
        half[0][v] = part[0][v] + part[1][v], half[1][v] = part[0][v] - part[1][v];
    for (int y = 0; y < 4; y++)
        for (int side = 0; side < 2; side++) {
            const Four *in = half[side], *row = basis->down[y];
            Four even = in[0] * row[0] + in[2] * row[2] + in[4] * row[4] + in[6] * row[6] + (none + level);
            Four odd = in[1] * row[1] + in[3] * row[3] + in[5] * row[5] + in[7] * row[7];
            Four *out = side ? right : left;
            out[y] = even + odd, out[7 - y] = even - odd;
        }
}

/* Return the squared distance to the nearest block with all samples in 0..255 + `ceiling`. */
static float distance_outside(const Block *block, float level, float ceiling, const Basis *basis)
{
    const Four none = {0, 0, 0, 0}, high = none + (127 + ceiling), low = none - 128;
    Four samples[16], sum = none;
    transform(block, level, basis, samples, samples + 8);
    for (int i = 0; i < 16; i++) {
        Four above = samples[i] - high, below = low - samples[i];
        above = (Four)((Mask)above & (above > 0)), below = (Four)((Mask)below & (below > 0));
        sum += above * above + below * below;
    }
    return sum[0] + sum[1] + sum[2] + sum[3];
}

/* An encoder transforms samples in 0..255 and rounds each coefficient by at most Q/2, so that the distance of a decoded
 * block from the range is at most `noise` (projection onto a convex set never increases distances); clean files stay
 * below three quarters of it. Only mozjpeg overshoots white, by up to 31, on purpose. */
static inline enum Fault check_range(const Block *block, const Component *c, int dc, const Basis *basis)
{
    float level = (float)dc * c->scale[0] / 8, slack = c->scale[0] / 16 + 0.5f, allowed = c->noise * 0.75f;
    if (level > 127 + slack || level < -128 - slack)
        return RANGE;
    if (block->energy <= allowed * allowed)
        return SOUND;
    float margin = level > 0 ? 127 - level : 128 + level, spread = 0.0579f * (float)block->count;
    /* Bound the distance: no sample deviates from the mean by more than sqrt(spread E). */
    float most = sqrtf(block->energy), peak = spread < 1 ? most * sqrtf(spread) : most;
    if (margin > 0 && most * (peak - margin) <= allowed * peak)
        return SOUND;
    if (distance_outside(block, level, 0, basis) <= allowed * allowed)
        return SOUND;
    return distance_outside(block, level, 32, basis) > allowed * allowed ? CONTRAST : OVERSHOOT;
}

#endif
