// Targets of the tasks on the CPU, one pass over each row; the same integers as the tensor operations in
// plait/tasks/{lookup,selective_copying,decoding_recall}.py. All arrays are int64 (bool: uint8) and contiguous.
#include <cstdint>

// The token `n` places back, n the value of the latest number token; `values[w]` is 0 for a word.
extern "C" void plait_copy_back(int64_t* targets, uint8_t* scored, const int64_t* tokens, const int64_t* values,
                                int64_t rows, int64_t time) {
  for (int64_t row = 0; row < rows; ++row, targets += time, scored += time, tokens += time) {
    int64_t back = time + 1;  // points before the start: no number yet
    for (int64_t i = 0; i < time; ++i) {
      if (const int64_t value = values[tokens[i]]) back = value;
      scored[i] = back <= i;
      targets[i] = back <= i ? tokens[i - back] : 0;
    }
  }
}

// The token after the latest position, before `i` (or at `i`, if inclusive), whose key is the query at `i`. Keys and
// queries below 0 match nothing. A hash table of 2^bits slots, at least twice `time`, holds each key of the row and
// one more than its latest position. Positions are counted on from row to row, so that a slot that an earlier row
// filled reads as empty, and the table (`latest` all 0 at first) is never cleared.
extern "C" void plait_follow_latest(int64_t* targets, uint8_t* scored, const int64_t* tokens, const int64_t* keys,
                                    const int64_t* queries, int64_t* held, int64_t* latest, int64_t bits,
                                    int64_t rows, int64_t time, int64_t inclusive) {
  const uint64_t last = (uint64_t(1) << bits) - 1;
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t start = row * time;
    const auto slot = [&](int64_t key) {
      uint64_t at = (uint64_t(key) * 0x9E3779B97F4A7C15u) >> (64 - bits);
      while (latest[at] > start && held[at] != key) at = (at + 1) & last;
      return at;
    };
    const auto record = [&](int64_t i) {
      if (keys[i] < 0) return;
      const uint64_t at = slot(keys[i]);
      held[at] = keys[i];
      latest[at] = i + 1;
    };
    for (int64_t i = start; i < start + time; ++i) {
      if (inclusive) record(i);
      const int64_t next = queries[i] >= 0 ? latest[slot(queries[i])] : 0;
      scored[i] = next > start && next < start + time;
      targets[i] = scored[i] ? tokens[next] : 0;
      if (!inclusive) record(i);
    }
  }
}

// The register s <- (2 s + bit) & mask at each bit token (`first_bit` or the one after it), 0 at the start of a row.
extern "C" void plait_bit_register(int64_t* registers, const int64_t* tokens, int64_t first_bit, int64_t mask,
                                   int64_t rows, int64_t time) {
  for (int64_t row = 0; row < rows; ++row, registers += time, tokens += time) {
    int64_t state = 0;
    for (int64_t i = 0; i < time; ++i) {
      if (tokens[i] >= first_bit) state = (2 * state + tokens[i] - first_bit) & mask;
      registers[i] = state;
    }
  }
}
