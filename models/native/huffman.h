/* Huffman codes and the bit reader of one entropy-coded segment (ITU-T T.81 annexes C and F).
 *
 * The segment is a copy without stuffed zeros, followed by SPARE zero bytes, so that a block may safely read past the
 * end; its caller checks after each block whether it did.
 */
#ifndef CATALOGD_HUFFMAN_H
#define CATALOGD_HUFFMAN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The longest block, 64 coefficients of 16 + 11 bits, has 216 bytes. */
enum { LOOKUP_BITS = 9, PAIR_BITS = 10, SPARE = 512 };

/* The layout of one symbol. `bits`: of code and appended magnitude; 0: no valid code. */
typedef struct {
    uint8_t bits, code, size, run;
} Symbol;

/* The meaning of the next PAIR_BITS bits of a sequential block: up to two coefficients with magnitudes, and EOB. It
 * halves the number of look-ups, each of which depends on the previous one. */
typedef struct {
    int16_t first;
    int8_t second;     /* 0: none */
    uint8_t step[2];   /* distance of each from the previous coefficient */
    uint8_t bits;      /* 0: longer than PAIR_BITS, or another symbol; step[1] is then 64 */
    uint8_t count, end;
} Pair;

typedef struct {
    int defined, paired;
    Symbol look[1 << LOOKUP_BITS]; /* by the next LOOKUP_BITS bits; bits == 0: the code is longer or invalid */
    uint32_t above[18];     /* by length, left-aligned in 16 bits: the first value past its codes */
    int32_t first[17];      /* by length: index of its first symbol minus its first code */
    Symbol symbol[256];
    Pair pair[1 << PAIR_BITS]; /* only if `paired` */
} Table;

typedef struct {
    uint64_t buffer; /* left-aligned */
    int count;     /* valid bits in `buffer` */
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
    b->buffer |= word >> b->count;
    b->next += (63 - b->count) >> 3;
    b->count |= 56;
}

static inline void skip_bits(Bits *b, int bits)
{
    b->buffer <<= bits;
    b->count -= bits;
}

static inline int64_t bits_left(const Bits *b)
{
    return 8 * ((int64_t)b->length - (b->next - b->begin)) + b->count;
}

static inline unsigned read_bits(Bits *b, int bits) /* 1..16 */
{
    if (b->count < bits)
        refill(b);
    unsigned value = (unsigned)(b->buffer >> (64 - bits));
    skip_bits(b, bits);
    return value;
}

static Symbol long_code(const Table *table, uint64_t held)
{
    uint32_t top = (uint32_t)(held >> 48);
    if (top < table->above[LOOKUP_BITS]) /* a short code with an invalid category */
        return (Symbol){0, 0, 0, 0};
    for (int length = LOOKUP_BITS + 1; length <= 16; length++)
        if (top < table->above[length])
            return table->symbol[(table->first[length] + (int32_t)(top >> (16 - length))) & 255];
    return (Symbol){0, 0, 0, 0};
}

/* Return the next symbol without skipping it. Afterwards at least 32 bits are buffered: code and magnitude take at most
 * 27. */
static inline Symbol peek_symbol(Bits *b, const Table *table)
{
    if (b->count < 32)
        refill(b);
    Symbol found = table->look[b->buffer >> (64 - LOOKUP_BITS)];
    return found.bits ? found : long_code(table, b->buffer);
}

/* Return the coefficient of a peeked symbol, `size` >= 1 (F.2.2.1 EXTEND). Without a branch, since signs are random. */
static inline int coefficient_value(const Bits *b, Symbol s)
{
    int64_t rest = (int64_t)(b->buffer << s.code), minus = ~(rest >> 63);
    int64_t magnitude = (int64_t)((uint64_t)(rest ^ minus) >> (64 - s.size));
    return (int)((magnitude ^ minus) - minus);
}

/* Build a table from BITS and HUFFVAL (C.2). Categories too large for 8-bit images (tables F.1, F.2) are treated as
 * invalid codes. Return 0 if the lengths do not form a code, or if a symbol occurs twice. */
static int build_table(Table *table, const uint8_t lengths[16], const uint8_t *values, int is_dc)
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
            if (length <= LOOKUP_BITS)
                for (uint32_t i = code << (LOOKUP_BITS - length); i < (code + 1) << (LOOKUP_BITS - length); i++)
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
    Bits b = {held, PAIR_BITS, 0, 0, 0};
    while (!p.end) {
        Symbol s = table->look[b.buffer >> (64 - LOOKUP_BITS)];
        int max_size = p.count == 0 ? 16 : p.count == 1 ? 7 : 0; /* bits of magnitude */
        if (!s.bits || s.bits > b.count || s.size > max_size || (!s.size && s.run))
            break;
        if (s.size && !p.count)
            p.first = (int16_t)coefficient_value(&b, s);
        else if (s.size)
            p.second = (int8_t)coefficient_value(&b, s);
        if (s.size)
            p.step[p.count++] = (uint8_t)(s.run + 1);
        p.end = !s.size;
        p.bits = (uint8_t)(p.bits + s.bits);
        skip_bits(&b, s.bits);
    }
    if (!p.bits)
        p.step[1] = 64;
    return p;
}

static void build_pairs(Table *table)
{
    for (uint64_t i = 0; !table->paired && i < 1 << PAIR_BITS; i++)
        table->pair[i] = look_ahead(table, i << (64 - PAIR_BITS));
    table->paired = 1;
}

#endif
