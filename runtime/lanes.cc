#include "runtime/lanes.h"

#include <pthread.h>

#include <deque>
#include <map>
#include <system_error>
#include <thread>

#include "runtime/mutex.h"
#include "runtime/task_limit.h"

namespace portcall::runtime {

struct Lanes::State {
  void Count(const std::string& name, int more) {
    const MutexLock lock(mutex);
    const auto at = jobs.try_emplace(name, 0).first;
    at->second += more;
    if (at->second == 0) jobs.erase(at);
    changed.NotifyAll();
  }

  Mutex mutex;
  CondVar changed;
  std::map<std::string, std::weak_ptr<Lane>> lanes GUARDED_BY(mutex);
  std::map<std::string, int> jobs GUARDED_BY(mutex);  // by lane, those that have not ended
  int threads GUARDED_BY(mutex) = 0;
};

struct Lane::Core {
  Core(std::shared_ptr<Lanes::State> lanes, std::string its_name) : all(std::move(lanes)), name(std::move(its_name)) {}

  void Close() {
    const MutexLock lock(mutex);
    closed = true;
    changed.NotifyAll();
  }

  const std::shared_ptr<Lanes::State> all;
  const std::string name;
  Mutex mutex;
  CondVar changed;
  std::deque<std::unique_ptr<Job>> jobs GUARDED_BY(mutex);
  bool closed GUARDED_BY(mutex) = false;  // the thread ends once there is no job
};

Lane::~Lane() { core_->Close(); }

void Lane::Push(std::unique_ptr<Job> job) {
  job->lane = shared_from_this();
  core_->all->Count(core_->name, 1);
  {
    const MutexLock lock(core_->mutex);
    if (!core_->closed) {
      core_->jobs.push_back(std::move(job));
      core_->changed.NotifyAll();
      return;
    }
  }
  core_->all->Count(core_->name, -1);
}

void Lane::Work(Core& core) {
  while (true) {
    std::unique_ptr<Job> job;
    {
      const MutexLock lock(core.mutex);
      while (core.jobs.empty() && !core.closed) core.changed.Wait(core.mutex);
      if (core.jobs.empty()) return;
      job = std::move(core.jobs.front());
      core.jobs.pop_front();
    }
    job->Run();
    job.reset();
    core.all->Count(core.name, -1);
  }
}

Lanes::Lanes() : state_(std::make_shared<State>()) {}

Lanes::~Lanes() {
  Await(std::chrono::steady_clock::time_point::max());
  std::map<std::string, std::weak_ptr<Lane>> lanes;
  {
    const MutexLock lock(state_->mutex);
    lanes.swap(state_->lanes);
  }
  for (const auto& [name, weak] : lanes) {
    if (const auto lane = weak.lock()) lane->core_->Close();
  }
  const MutexLock lock(state_->mutex);
  while (state_->threads > 0) state_->changed.Wait(state_->mutex);
}

Result<std::shared_ptr<Lane>> Lanes::Of(const std::string& name) {
  const MutexLock lock(state_->mutex);
  std::erase_if(state_->lanes, [](const auto& one) { return one.second.expired(); });
  std::weak_ptr<Lane>& known = state_->lanes[name];
  if (auto lane = known.lock()) return lane;
  auto core = std::make_shared<Lane::Core>(state_, name);
  std::shared_ptr<Lane> lane(new Lane(core));
  try {
    std::thread([core = std::move(core)] {
      pthread_setname_np(pthread_self(), "lane");
      Lane::Work(*core);
      const MutexLock ended(core->all->mutex);
      --core->all->threads;
      core->all->changed.NotifyAll();
    }).detach();
  } catch (const std::system_error&) {
    return NoThread();
  }
  ++state_->threads;
  known = lane;
  return lane;
}

std::vector<std::string> Lanes::Await(std::chrono::steady_clock::time_point until) {
  const MutexLock lock(state_->mutex);
  const bool bounded = until != std::chrono::steady_clock::time_point::max();
  while (!state_->jobs.empty()) {
    if (!bounded) {
      state_->changed.Wait(state_->mutex);
    } else if (!state_->changed.WaitUntil(state_->mutex, until)) {
      break;
    }
  }
  std::vector<std::string> busy;
  for (const auto& [name, count] : state_->jobs) busy.push_back(name);
  return busy;
}

}  // namespace portcall::runtime
