#include "kernels/common/pool.hpp"

#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <new>
#include <thread>
#include <vector>

namespace plait {
namespace {

struct Job {
  const std::function<void(int64_t)>* work;
  int64_t tasks;
  std::atomic<int64_t> next{0}, done{0};
  void help() {
    for (int64_t i; (i = next.fetch_add(1)) < tasks; done.fetch_add(1)) (*work)(i);
  }
};

class Pool {
 public:
  void run(int64_t tasks, int64_t threads, const std::function<void(int64_t)>& work) {
    const std::lock_guard<std::mutex> one_at_a_time(entry_);
    grow(threads - 1);
    auto job = std::make_shared<Job>();
    job->work = &work;
    job->tasks = tasks;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      job_ = job;
      helpers_ = threads - 1;
      ++round_;
    }
    wake_.notify_all();
    job->help();
    while (job->done.load() < tasks) std::this_thread::yield();
  }

 private:
  void grow(int64_t workers) {
    while (int64_t(started_) < workers) {
      std::thread(&Pool::serve, this, int64_t(started_++)).detach();
    }
  }
  void serve(int64_t index) {
    uint64_t seen = 0;
    for (;;) {
      std::shared_ptr<Job> job;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [&] { return round_ != seen; });
        seen = round_;
        if (index < helpers_) job = job_;
      }
      if (job) job->help();
    }
  }
  std::mutex entry_, mutex_;
  std::condition_variable wake_;
  std::shared_ptr<Job> job_;
  int64_t helpers_ = 0, started_ = 0;
  uint64_t round_ = 0;
};

// Threads do not survive fork(), so each process has its own pool; pools are never torn down.
Pool& pool() {
  static std::mutex mutex;
  static Pool* current = nullptr;
  static pid_t owner = 0;
  const std::lock_guard<std::mutex> lock(mutex);
  if (owner != getpid()) current = new Pool, owner = getpid();
  return *current;
}

constexpr int64_t kAlign = 64;

struct Arena {
  std::vector<std::pair<char*, int64_t>> blocks;
  int64_t block = 0, used = 0;
  ~Arena() {
    for (auto& b : blocks) std::free(b.first);
  }
};

thread_local Arena arena;

}  // namespace

void parallel(int64_t tasks, int64_t threads, const std::function<void(int64_t)>& work) {
  if (threads > tasks) threads = tasks;
  if (threads <= 1) {
    for (int64_t i = 0; i < tasks; ++i) work(i);
    return;
  }
  pool().run(tasks, threads, work);
}

Scratch::Scratch() : block_(arena.block), used_(arena.used) {}

Scratch::~Scratch() {
  arena.block = block_;
  arena.used = used_;
}

void* Scratch::bytes(int64_t n) {
  n = (n + kAlign - 1) / kAlign * kAlign;
  for (;;) {
    if (arena.block < int64_t(arena.blocks.size())) {
      auto& [data, size] = arena.blocks[arena.block];
      if (arena.used + n <= size) {
        void* at = data + arena.used;
        arena.used += n;
        return at;
      }
      if (arena.used == 0) {  // an empty block that is too small: replace it
        std::free(data);
        data = static_cast<char*>(std::aligned_alloc(kAlign, n));
        if (!data) throw std::bad_alloc();
        size = n;
        continue;
      }
      ++arena.block;
      arena.used = 0;
      continue;
    }
    const int64_t size = n > (int64_t(1) << 20) ? n : int64_t(1) << 20;
    char* data = static_cast<char*>(std::aligned_alloc(kAlign, size));
    if (!data) throw std::bad_alloc();
    arena.blocks.emplace_back(data, size);
  }
}

}  // namespace plait
