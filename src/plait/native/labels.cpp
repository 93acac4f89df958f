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
// queries below 0 match nothing. `latest` holds one zero for each key: positions are counted on from row to row,
// so that what earlier rows left there is never taken for this row's.
extern "C" void plait_follow_latest(int64_t* targets, uint8_t* scored, const int64_t* tokens, const int64_t* keys,
                                    const int64_t* queries, int64_t* latest, int64_t rows, int64_t time,
                                    int64_t inclusive) {
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t start = row * time;
    for (int64_t i = start; i < start + time; ++i) {
      if (inclusive && keys[i] >= 0) latest[keys[i]] = i + 1;
      const int64_t next = queries[i] >= 0 ? latest[queries[i]] : 0;
      scored[i] = next > start && next < start + time;
      targets[i] = scored[i] ? tokens[next] : 0;
      if (!inclusive && keys[i] >= 0) latest[keys[i]] = i + 1;
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
