import NIOPosix

let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
try group.next().scheduleTask(in: .milliseconds(1)) {}.futureResult.wait()
