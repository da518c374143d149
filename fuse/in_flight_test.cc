#include "fuse/in_flight.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "fuse/fake_transport_for_test.h"
#include "fuse/slow.h"
#include "gtest/gtest.h"

namespace plyfs::fuse {
namespace {

// A process that is stopped with a signal waiting that will end it.
class DyingProcess {
 public:
  DyingProcess() : pid_(fork()) {
    if (pid_ == 0) {
      raise(SIGSTOP);
      _exit(0);
    }
    waitpid(pid_, nullptr, WUNTRACED);
    kill(pid_, SIGQUIT);  // SIGTERM would end even a stopped process at once (kernel/signal.c)
  }
  ~DyingProcess() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  uint32_t pid() const { return static_cast<uint32_t>(pid_); }

 private:
  const pid_t pid_;
};

Message MessageOf(uint32_t opcode, uint64_t unique, uint32_t pid, std::string_view body) {
  Message message{};
  message.header.opcode = opcode;
  message.header.unique = unique;
  message.header.nodeid = 9;
  message.header.pid = pid;
  message.body = body;
  return message;
}

void Begin(RequestSlot& slot, uint32_t opcode, uint64_t unique, uint32_t pid, std::string_view body = "") {
  InFlight::Begin(slot, MessageOf(opcode, unique, pid, body), FindOperation(opcode));
}

TEST(InFlight, OnlyOneAnswers) {
  RequestSlot slot;
  Begin(slot, wire::kLookup, 10, 1);
  EXPECT_FALSE(InFlight::Claim(slot, 8));
  EXPECT_TRUE(InFlight::Claim(slot, 10));
  EXPECT_FALSE(InFlight::Claim(slot, 10));
}

TEST(InFlight, ADyingClientIsAnsweredAtOnceAndTheExecutorNoMore) {
  const DyingProcess client;
  FakeTransport transport;
  InFlight in_flight(transport);
  RequestSlot* slot = in_flight.Acquire();
  Begin(*slot, wire::kLookup, 10, client.pid());
  EXPECT_TRUE(in_flight.Interrupt(10));
  ASSERT_EQ(transport.sent().size(), 1u);
  EXPECT_EQ(transport.sent()[0].header.error, -EINTR);
  EXPECT_EQ(transport.sent()[0].header.unique, 10u);
  EXPECT_FALSE(InFlight::Claim(*slot, 10));
  EXPECT_FALSE(in_flight.Interrupt(10));  // answered: the kernel forgets it when told EAGAIN
}

TEST(InFlight, AClientThatLivesOnIsNotAnsweredUntilItDies) {
  FakeTransport transport;
  InFlight in_flight(transport);
  RequestSlot* slot = in_flight.Acquire();
  Begin(*slot, wire::kLookup, 10, static_cast<uint32_t>(getpid()));
  EXPECT_TRUE(in_flight.Interrupt(10));
  EXPECT_TRUE(transport.sent().empty());

  const DyingProcess later;
  slot->pid.store(later.pid());
  EXPECT_TRUE(in_flight.AnswerTheDying());
  EXPECT_EQ(transport.sent().size(), 1u);
}

TEST(InFlight, NobodyIsAnsweredWhoDidNotInterrupt) {
  const DyingProcess client;
  FakeTransport transport;
  InFlight in_flight(transport);
  Begin(*in_flight.Acquire(), wire::kLookup, 10, client.pid());
  EXPECT_TRUE(in_flight.AnswerTheDying());
  EXPECT_TRUE(transport.sent().empty());
}

// What is at rest is no request, whatever an INTERRUPT names: a reply to none would be read as a
// notification.
TEST(InFlight, AnInterruptOfNothingAnswersNothing) {
  const DyingProcess client;
  FakeTransport transport;
  InFlight in_flight(transport);
  RequestSlot* slot = in_flight.Acquire();
  Begin(*slot, wire::kLookup, 10, client.pid());
  EXPECT_TRUE(InFlight::Claim(*slot, 10));
  InFlight::End(*slot);
  EXPECT_FALSE(in_flight.Interrupt(0));
  EXPECT_TRUE(transport.sent().empty());
}

TEST(InFlight, RequestsWithEffectsAreNeverAnsweredEarly) {
  const DyingProcess client;
  FakeTransport transport;
  InFlight in_flight(transport);
  RequestSlot* slot = in_flight.Acquire();
  Begin(*slot, wire::kUnlink, 10, client.pid());
  EXPECT_TRUE(in_flight.Interrupt(10));
  const wire::OpenIn truncating{O_RDONLY | O_TRUNC, 0}, reading{O_RDONLY, 0}, writing{O_WRONLY, 0};
  const auto raw = [](const wire::OpenIn& in) {
    return std::string_view(reinterpret_cast<const char*>(&in), sizeof in);
  };
  Begin(*slot, wire::kOpen, 12, client.pid(), raw(truncating));
  EXPECT_TRUE(in_flight.Interrupt(12));
  Begin(*slot, wire::kOpen, 14, client.pid(), raw(writing));
  EXPECT_TRUE(in_flight.Interrupt(14));
  EXPECT_TRUE(transport.sent().empty());
  Begin(*slot, wire::kOpen, 16, client.pid(), raw(reading));
  EXPECT_TRUE(in_flight.Interrupt(16));
  EXPECT_EQ(transport.sent().size(), 1u);
}

TEST(InFlight, ViewsShowWhatIsExecuted) {
  FakeTransport transport;
  InFlight in_flight(transport);
  RequestSlot* slot = in_flight.Acquire();
  Begin(*slot, wire::kMkDir, 10, 7, std::string_view("\1\0\0\0\2\0\0\0some\nname\0", 18));
  int count = 0;
  in_flight.ForEach([&](RequestSlot&, const RequestView& view) {
    ++count;
    EXPECT_EQ(view.unique, 10u);
    EXPECT_EQ(view.name, "some\nname");
    RequestView shown = view;
    shown.age_ms = 1234;
    const Whereabouts at{"/d", "upperdir=/u"};
    EXPECT_EQ(DescribeView(shown, at), "MKDIR \"/d/some\\x0aname\" at upperdir=/u from pid 7, for 1234 ms");
    EXPECT_EQ(DescribeView(shown, {"/", ""}), "MKDIR \"/some\\x0aname\" from pid 7, for 1234 ms");
    shown.answered = true;
    EXPECT_NE(DescribeView(shown, at).find("its client is gone"), std::string::npos);
  });
  EXPECT_EQ(count, 1);
  InFlight::End(*slot);
  in_flight.ForEach([&](RequestSlot&, const RequestView&) { ++count; });
  EXPECT_EQ(count, 1);
  EXPECT_FALSE(in_flight.AnswerTheDying());
}

TEST(InFlight, SlotsAreUsedAgain) {
  FakeTransport transport;
  InFlight in_flight(transport);
  RequestSlot* first = in_flight.Acquire();
  EXPECT_NE(in_flight.Acquire(), first);
  in_flight.Release(first);
  EXPECT_EQ(in_flight.Acquire(), first);
}

}  // namespace
}  // namespace plyfs::fuse
