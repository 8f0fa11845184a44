#!/bin/sh
# laplace: pinned refused=open
# Java: compiler, archiver and documentation, and a program whose threads, identities and random numbers differ natively.
mkdir -p src/a && cat >src/a/Main.java <<'end'
package a;

import java.nio.file.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;
import java.util.stream.*;

/** Does what is left to chance. */
public class Main {
	static int unlocked;

	/** Runs it. */
	public static void main(String[] args) throws Exception {
		ExecutorService pool = Executors.newFixedThreadPool(4);
		ConcurrentLinkedQueue<Integer> order = new ConcurrentLinkedQueue<>();
		List<Future<Long>> sums = new ArrayList<>();
		for (int i = 0; i < 12; i++) {
			final int n = i;
			sums.add(pool.submit(() -> {
				long sum = 0;
				for (int k = 0; k < 100_000; k++) {
					sum = (sum * 31 + k + n) % 1_000_003;
					unlocked++;
				}
				Thread.sleep(n % 3);
				order.add(n);
				return sum;
			}));
		}
		for (Future<Long> f : sums)
			System.out.print(f.get() + " ");
		pool.shutdown();
		pool.awaitTermination(1, TimeUnit.MINUTES);
		System.out.println(order);
		System.out.println(IntStream.range(0, 10_000).parallel().mapToLong(i -> (long) i * i).sum());
		Set<Object> objects = new HashSet<>();
		for (int i = 0; i < 5; i++)
			objects.add(new Object());
		System.out.println(objects.iterator().next().hashCode() + " " + UUID.randomUUID() + " " + new Random().nextInt(1000));
		System.out.println(Set.of("a", "b", "c", "d") + " " + ProcessHandle.current().pid() + " " + System.currentTimeMillis());
		CompletableFuture<String> late = CompletableFuture.supplyAsync(() -> "late", CompletableFuture.delayedExecutor(50, TimeUnit.MILLISECONDS));
		System.out.println(late.get());
		Files.writeString(Path.of("out"), order.toString());
		Process p = new ProcessBuilder("sh", "-c", "echo $$; exit 3").redirectErrorStream(true).start();
		System.out.println(new String(p.getInputStream().readAllBytes()).trim() + " " + p.waitFor());
	}
}
end
javac -d classes src/a/Main.java && jar --create --file main.jar --main-class a.Main -C classes . && java -jar main.jar || exit
javadoc -quiet -d doc src/a/Main.java && ls doc
sha256sum main.jar
