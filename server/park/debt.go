package park

// debt is a connection whose guest was woken by somebody who could not wait for its peer to
// read all of the answer.
type debt struct{ p *parked }

// run sends what is owed, and goes on.
func (d debt) run() { d.p.safely(d.settle) }

func (d debt) settle() {
	p := d.p
	p.mu.Lock()
	p.state = running
	p.mu.Unlock()
	if p.push(p.lot.pay(p)) != nil {
		p.failed = true
	}
	p.settle()
	p.deal()
}

// owe remembers what is to be sent to p, behind what is owed already.
func (l *Lot) owe(p *parked, b []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.debts == nil {
		l.debts = make(map[*parked][]byte)
	}
	if _, more := l.debts[p]; !more {
		l.indebted.Add(1)
	}
	l.debts[p] = append(l.debts[p], b...)
}

// owes tells whether anything is owed to p: to nearly nobody.
func (l *Lot) owes(p *parked) bool {
	if l.indebted.Load() == 0 {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.debts[p] != nil
}

// pay takes what is owed to p.
func (l *Lot) pay(p *parked) []byte {
	if l.indebted.Load() == 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.debts[p]
	if ok {
		delete(l.debts, p)
		l.indebted.Add(-1)
	}
	return b
}
