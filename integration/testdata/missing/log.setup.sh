# A log that each job appends to, and that one shows when all else is made.
cat > Makefile <<'END'
names := a b c d e f
all: $(names) last
$(names):
	echo $@ >> log
	echo $@ > $@
last:
	cat log 2> /dev/null > $@ || echo nothing > $@
END
