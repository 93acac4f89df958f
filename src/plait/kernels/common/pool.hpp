// A pool of threads for independent tasks, and scratch memory that each thread keeps between tasks.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <functional>

namespace plait {

// Runs work(0), .., work(tasks - 1), each once, on at most `threads` threads; returns when all are done.
void parallel(int64_t tasks, int64_t threads, const std::function<void(int64_t)>& work);

// Hands out aligned arrays from the calling thread's scratch; all of them end with the object.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  template <class T>
  T* take(int64_t n) {
    return static_cast<T*>(bytes(n * int64_t(sizeof(T))));
  }

 private:
  void* bytes(int64_t n);
  int64_t block_, used_;
};

}  // namespace plait
