#!/bin/sh
# laplace: same
# Here-documents: expansion, quoting, tabs, several at once, larger than a pipe, fed to loops and functions.
name=world
cat <<end
hello $name $(echo substituted) $((6 * 7)) \$literal
end
cat <<'end'
hello $name $(not run) \n
end
cat <<-end
	tabs are
		gone
	end
cat <<one; cat <<two
first
one
second
two
while read -r a b; do echo "$b $a"; done <<end
1 a
2 b
end
f() { cat; }
f <<end
into a function
end
big=$(seq 1 30000)
cat <<end | md5sum
$big
end
# Not read to the end: whoever writes the rest must not hang, nor complain.
head -n 1 <<end
$big
end
read first <<end
only the first line is read
$big
end
echo "$first"
cat 3<<end <&3
descriptor three
end
sh <<'end'
echo "a script from a here-document: $0 $#"
cat <<inner
nested
inner
end
(cat; echo then) <<end
into a subshell
end
