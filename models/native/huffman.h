/* Huffman codes and the bits of one entropy-coded segment (ITU-T T.81 annexes C and F).
 *
 * The segment has been copied without its stuffed zeros and is followed by SPARE zero bytes, so that a block may read
 * past the end unharmed: its caller asks after each block whether it did.
 */
#ifndef CATALOGD_HUFFMAN_H
#define CATALOGD_HUFFMAN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { LOOK = 9, AHEAD = 10, SPARE = 512 }; /* the longest block: 64 coefficients of 16 + 11 bits are 216 bytes */

/* How the bits of one symbol are laid out. `bits` counts code and appended magnitude; 0 means no valid code. */
typedef struct {
    uint8_t bits, code, size, run;
} Symbol;

/* What the next AHEAD bits say of a sequential block: up to two coefficients, magnitudes and all, and its end. Half as
 * many look-ups, each of which waits for the one before. */
typedef struct {
    int16_t first;
    int8_t second;     /* 0: there is none */
    uint8_t step[2];   /* places from the coefficient before to each */
    uint8_t bits;      /* 0: longer than AHEAD, or another symbol; step[1] is then past every block */
    uint8_t count, end;
} Pair;

typedef struct {
    int defined, paired;
    Symbol look[1 << LOOK]; /* by the next LOOK bits; bits == 0 where the code is longer or there is none */
    uint32_t above[18];     /* of each length, left-aligned in 16 bits: the first value past its codes */
    int32_t first[17];      /* of each length: index of its first symbol minus its first code */
    Symbol symbol[256];
    Pair pair[1 << AHEAD]; /* only if `paired` */
} Table;

typedef struct {
    uint64_t held; /* left-aligned */
    int count;     /* valid bits in `held` */
    const uint8_t *next, *begin;
    size_t length; /* bytes of the segment, without SPARE */
} Bits;

static inline void refill(Bits *b)
{
    uint64_t word;
    memcpy(&word, b->next, 8);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    b->held |= word >> b->count;
    b->next += (63 - b->count) >> 3;
    b->count |= 56;
}

static inline void drop(Bits *b, int bits)
{
    b->held <<= bits;
    b->count -= bits;
}

static inline int64_t bits_left(const Bits *b)
{
    return 8 * ((int64_t)b->length - (b->next - b->begin)) + b->count;
}

static inline unsigned take(Bits *b, int bits) /* 1..16 */
{
    if (b->count < bits)
        refill(b);
    unsigned value = (unsigned)(b->held >> (64 - bits));
    drop(b, bits);
    return value;
}

static Symbol long_code(const Table *table, uint64_t held)
{
    uint32_t top = (uint32_t)(held >> 48);
    if (top < table->above[LOOK]) /* a short code, of a category that is none */
        return (Symbol){0, 0, 0, 0};
    for (int length = LOOK + 1; length <= 16; length++)
        if (top < table->above[length])
            return table->symbol[(table->first[length] + (int32_t)(top >> (16 - length))) & 255];
    return (Symbol){0, 0, 0, 0};
}

/* The next symbol, not yet dropped. At least 32 bits are held afterwards: code and magnitude take 27 at most. */
static inline Symbol peek(Bits *b, const Table *table)
{
    if (b->count < 32)
        refill(b);
    Symbol found = table->look[b->held >> (64 - LOOK)];
    return found.bits ? found : long_code(table, b->held);
}

/* The coefficient whose symbol was peeked, `size` >= 1 (F.2.2.1 EXTEND). No branch: its sign is a coin's toss. */
static inline int value(const Bits *b, Symbol s)
{
    int64_t rest = (int64_t)(b->held << s.code), minus = ~(rest >> 63);
    int64_t magnitude = (int64_t)((uint64_t)(rest ^ minus) >> (64 - s.size));
    return (int)((magnitude ^ minus) - minus);
}

/* Builds a table from BITS and HUFFVAL (C.2). Categories above `most` are not for 8-bit pictures (tables F.1, F.2):
 * they count as no code. Returns 0 where the lengths do not make a code, or a symbol stands twice. */
static int build(Table *table, const uint8_t lengths[16], const uint8_t *values, int is_dc)
{
    uint32_t code = 0;
    int at = 0;
    uint8_t seen[256] = {0};
    memset(table, 0, offsetof(Table, pair));
    for (int length = 1; length <= 16; length++, code <<= 1) {
        table->first[length] = at - (int32_t)code;
        for (int n = lengths[length - 1]; n; n--, at++, code++) {
            uint8_t value = values[at];
            int size = is_dc ? value : value & 15, run = is_dc ? 0 : value >> 4;
            if (code >= 1u << length || seen[value]++)
                return 0;
            if (size > (is_dc ? 11 : 10))
                continue;
            table->symbol[at] = (Symbol){(uint8_t)(length + size), (uint8_t)length, (uint8_t)size, (uint8_t)run};
            if (length <= LOOK)
                for (uint32_t i = code << (LOOK - length); i < (code + 1) << (LOOK - length); i++)
                    table->look[i] = table->symbol[at];
        }
        table->above[length] = code << (16 - length);
    }
    table->defined = 1;
    return 1;
}

static Pair look_ahead(const Table *table, uint64_t held)
{
    Pair p = {0, 0, {0, 0}, 0, 0, 0};
    Bits b = {held, AHEAD, 0, 0, 0};
    while (!p.end) {
        Symbol s = table->look[b.held >> (64 - LOOK)];
        int room = p.count == 0 ? 16 : p.count == 1 ? 7 : 0; /* bits of magnitude */
        if (!s.bits || s.bits > b.count || s.size > room || (!s.size && s.run))
            break;
        if (s.size && !p.count)
            p.first = (int16_t)value(&b, s);
        else if (s.size)
            p.second = (int8_t)value(&b, s);
        if (s.size)
            p.step[p.count++] = (uint8_t)(s.run + 1);
        p.end = !s.size;
        p.bits = (uint8_t)(p.bits + s.bits);
        drop(&b, s.bits);
    }
    if (!p.bits)
        p.step[1] = 64;
    return p;
}

static void pair_up(Table *table)
{
    for (uint64_t i = 0; !table->paired && i < 1 << AHEAD; i++)
        table->pair[i] = look_ahead(table, i << (64 - AHEAD));
    table->paired = 1;
}

#endif
